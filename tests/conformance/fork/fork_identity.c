// SPDX-License-Identifier: MIT
// CONTRACT: A3 A7 A9 A24 B72 B57
//
// fork gives the child 0 and the parent the child's own number; the child knows its parent, is its
// own thread group, has no children, and shares group, session and credentials.
#include "check.h"

int main(void) {
  pid_t* seen = shared_memory(4096);
  pid_t parent = getpid(), group = getpgrp(), session = getsid(0);
  pid_t child = must(fork());
  if (child == 0) {
    seen[0] = getpid();
    equal("getppid is the parent", getppid(), parent);
    equal("group inherited", getpgrp(), group);
    equal("session inherited", getsid(0), session);
    equal("gettid is getpid", syscall(SYS_gettid), getpid());
    ok("own number is positive", getpid() > 0);
    fails("new child has no children", wait(NULL), ECHILD);
    _exit(check_failures);
  }
  exits("child", child, 0);
  equal("returned number is the child's getpid", child, seen[0]);
  ok("child differs from parent", child != parent);
  fails("reaped once only", waitpid(child, NULL, 0), ECHILD);
  return finish();
}
