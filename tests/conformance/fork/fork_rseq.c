// SPDX-License-Identifier: MIT
// CONTRACT: E43
//
// A registered rseq area is inherited by fork (registering again is EBUSY) and not by a thread-like
// clone. A kernel without rseq says ENOSYS to all of it.
#include "check.h"

static char area[64] __attribute__((aligned(32)));
static char other[64] __attribute__((aligned(32)));
static char stack[65536] __attribute__((aligned(16)));
enum { sys_rseq = 334, signature = 0x53053053, unregister = 1 };

static long rseq(void* at, int flags) { return syscall(sys_rseq, at, 32, flags, signature); }

static int register_here(void* argument) {
  (void)argument;
  return rseq(other, 0) == 0 ? 0 : 1;
}

int main(void) {
  must(rseq(area, 0));
  ok("the CPU number is there", *(uint32_t*)(area + 4) < 4096);
  fails("registered already", rseq(area, 0), EBUSY);
  fails("another area", rseq(other, 0), EINVAL);
  pid_t child = must(fork());
  if (child == 0) {
    fails("inherited by fork", rseq(area, 0), EBUSY);
    equal("can be given up", rseq(area, unregister), 0);
    equal("and taken again", rseq(other, 0), 0);
    _exit(check_failures);
  }
  exits("child", child, 0);
  child = must(clone_on_stack(CLONE_VM | SIGCHLD, stack + sizeof stack, register_here, NULL, NULL,
                              NULL, NULL));
  exits("not inherited with shared memory", child, 0);
  fails("unregister another", rseq(other, unregister), EINVAL);
  equal("unregister", rseq(area, unregister), 0);
  fails("unaligned", rseq(area + 1, 0), EINVAL);
  return finish();
}
