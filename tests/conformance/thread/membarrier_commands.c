// SPDX-License-Identifier: MIT
//
// Every command of membarrier(2): which need a registration, what one registration allows besides,
// flags and CPU numbers, and that fork keeps registrations while exec ends them.
#include "../check.h"

enum {
  GLOBAL = 1, GLOBAL_EXPEDITED = 2, REGISTER_GLOBAL = 4, PRIVATE = 8, REGISTER_PRIVATE = 16,
  SYNC_CORE = 32, REGISTER_SYNC_CORE = 64, RSEQ = 128, REGISTER_RSEQ = 256, GET = 512, FLAG_CPU = 1,
};

static long membarrier(int command, unsigned flags, int cpu) {
  return syscall(SYS_membarrier, command, flags, cpu);
}

int main(int count, char** arguments) {
  equal("nothing is registered", membarrier(GET, 0, 0), 0);
  if (count > 1) _exit(check_failures);  // after exec
  equal("all commands", membarrier(0, 0, 0), 1023);
  static const int commands[] = {0,       GLOBAL,    GLOBAL_EXPEDITED,   REGISTER_GLOBAL, PRIVATE,
                                 SYNC_CORE, REGISTER_PRIVATE, REGISTER_SYNC_CORE, REGISTER_RSEQ, GET};
  for (size_t i = 0; i < sizeof commands / sizeof *commands; ++i) {
    fails("takes no flags", membarrier(commands[i], FLAG_CPU, 0), EINVAL);
  }
  fails("rseq, another flag", membarrier(RSEQ, 2, 0), EINVAL);
  fails("two at once", membarrier(GLOBAL | GLOBAL_EXPEDITED, 0, 0), EINVAL);
  fails("unknown", membarrier(1024, 0, 0), EINVAL);
  fails("negative", membarrier(-1, 0, 0), EINVAL);

  equal("global expedited, not registered", membarrier(GLOBAL_EXPEDITED, 0, 0), 0);
  equal("registered", membarrier(REGISTER_GLOBAL, 0, 0), 0);
  equal("is told", membarrier(GET, 0, 0), REGISTER_GLOBAL);
  fails("private, not registered", membarrier(PRIVATE, 0, 0), EPERM);
  fails("sync core, not registered", membarrier(SYNC_CORE, 0, 0), EPERM);
  fails("rseq, not registered", membarrier(RSEQ, 0, 0), EPERM);
  fails("rseq on a CPU, not registered", membarrier(RSEQ, FLAG_CPU, 0), EPERM);
  equal("register rseq", membarrier(REGISTER_RSEQ, 0, 0), 0);
  equal("the plain one is told too", membarrier(GET, 0, 0), REGISTER_GLOBAL | REGISTER_PRIVATE | REGISTER_RSEQ);
  equal("rseq", membarrier(RSEQ, 0, 0), 0);
  equal("rseq on a CPU", membarrier(RSEQ, FLAG_CPU, 0), 0);
  equal("rseq on no CPU there is", membarrier(RSEQ, FLAG_CPU, 9999), 0);
  equal("rseq on a negative one", membarrier(RSEQ, FLAG_CPU, -1), 0);
  fails("but not allowed", membarrier(PRIVATE, 0, 0), EPERM);
  fails("sync core still not", membarrier(SYNC_CORE, 0, 0), EPERM);
  equal("register sync core", membarrier(REGISTER_SYNC_CORE, 0, 0), 0);
  equal("sync core", membarrier(SYNC_CORE, 0, 0), 0);

  long all = membarrier(GET, 0, 0);
  pid_t child = must(fork());
  if (child == 0) {
    equal("fork keeps them", membarrier(GET, 0, 0), all);
    execl("/proc/self/exe", arguments[0], "again", NULL);
    _exit(99);
  }
  exits("exec ends them", child, 0);
  return finish();
}
