// SPDX-License-Identifier: MIT
// CONTRACT: A13 B60
//
// Leadership of a session is not inherited: the child of a leader may call setsid.
#include "check.h"

int main(void) {
  pid_t leader = must(fork());
  if (leader == 0) {
    equal("setsid", setsid(), getpid());
    equal("leader's session", getsid(0), getpid());
    equal("leader's group", getpgrp(), getpid());
    fails("leader cannot again", setsid(), EPERM);
    fails("leader cannot setpgid", setpgid(0, 0), EPERM);
    pid_t child = must(fork());
    if (child == 0) {
      equal("child in parent's session", getsid(0), getppid());
      equal("child may setsid", setsid(), getpid());
      _exit(check_failures);
    }
    exits("child", child, 0);
    _exit(check_failures);
  }
  exits("leader", leader, 0);
  return finish();
}
