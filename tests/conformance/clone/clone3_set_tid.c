// SPDX-License-Identifier: MIT
// CONTRACT: E36
//
// clone3 with set_tid gives exactly that number; without privilege it is refused.
#include "check.h"

int main(void) {
  pid_t child = must(fork());
  if (child == 0) _exit(0);
  exits("a number that is free now", child, 0);
  pid_t wanted = child;
  struct clone3_arguments arguments;
  memset(&arguments, 0, sizeof arguments);
  arguments.exit_signal = SIGCHLD;
  arguments.set_tid = (uintptr_t)&wanted;
  arguments.set_tid_size = 1;
  pid_t again = must(raw_clone3(&arguments, sizeof arguments));
  if (again == 0) syscall(SYS_exit, syscall(SYS_getpid) == wanted ? 0 : 1);
  equal("the number asked for", again, wanted);
  exits("and the child knows it", again, 0);
  pid_t user = must(fork());
  if (user == 0) {
    must(setuid(1000));
    errno = 0;
    pid_t refused = raw_clone3(&arguments, sizeof arguments);
    if (refused == 0) _exit(0);
    fails_with("unprivileged", refused, errno, EPERM);
    _exit(check_failures);
  }
  exits("user", user, 0);
  return finish();
}
