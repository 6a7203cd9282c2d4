// SPDX-License-Identifier: MIT
// CONTRACT: D29 B47 B76 B29 E1
//
// vfork: the parent sleeps until the child exits, execs or dies by a signal; memory is shared,
// descriptors are not; the parent gets the child's number.
#include <sys/resource.h>

#include "check.h"

static volatile int value;

int main(int argc, char** argv) {
  if (argc > 1) return 8;
  int* order = shared_memory(4096);
  pid_t child = vfork();
  if (child == 0) {
    value = 5;
    for (int turn = 0; turn < 1000; turn++) sched_yield();
    close(1);
    *order = 1;
    _exit(2);
  }
  equal("parent waited", *order, 1);
  equal("memory is shared", value, 5);
  equal("descriptors are not", fcntl(1, F_GETFD), 0);
  exits("exit", child, 2);

  static char* arguments[] = {NULL, "again", NULL};
  arguments[0] = argv[0];
  child = vfork();
  if (child == 0) {
    value = 6;
    execv(argv[0], arguments);
    _exit(98);
  }
  equal("parent runs after exec", value, 6);
  exits("exec", child, 8);

  child = vfork();
  if (child == 0) {
    value = 7;
    kill(getpid(), SIGKILL);
  }
  equal("parent runs after a fatal signal", value, 7);
  killed_by("killed", child, SIGKILL);

  child = vfork();
  if (child == 0) {
    execv("/no/such/program", arguments);
    value = errno;
    _exit(127);
  }
  equal("failed exec returns to the child", value, ENOENT);
  exits("it exits", child, 127);

  pid_t user = must(fork());
  if (user == 0) {
    struct rlimit limit = {1, 1};
    must(setrlimit(RLIMIT_NPROC, &limit));
    must(setuid(54324));
    child = vfork();
    if (child == 0) _exit(0);
    fails_with("a refused vfork returns", child, errno, EAGAIN);
    _exit(check_failures);
  }
  exits("user", user, 0);
  return finish();
}
