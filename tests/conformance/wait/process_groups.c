// SPDX-License-Identifier: MIT
// CONTRACT: E44 G8
//
// Process groups and sessions: setpgid's rules, kill of a group, getpgid and getsid of others.
#include "check.h"

int main(void) {
  struct gate ready = gate_make();
  pid_t members[3];
  for (int index = 0; index < 3; index++) {
    members[index] = must(fork());
    if (members[index] == 0) {
      must(setpgid(0, index == 0 ? 0 : members[0]));
      gate_open(ready);
      for (;;) pause();
    }
    must(setpgid(members[index], members[0]));
  }
  for (int index = 0; index < 3; index++) gate_wait(ready);
  equal("group of a member", getpgid(members[2]), members[0]);
  must(kill(members[0], SIGKILL));
  killed_by("leader dies", members[0], SIGKILL);
  equal("group lives on", kill(-members[0], 0), 0);
  pid_t joiner = must(fork());
  if (joiner == 0) {
    equal("a new process may join", setpgid(0, members[0]), 0);
    _exit(check_failures);
  }
  exits("joiner", joiner, 0);
  equal("kill the group", kill(-members[0], SIGTERM), 0);
  killed_by("member", members[1], SIGTERM);
  killed_by("member", members[2], SIGTERM);
  fails("empty group", kill(-members[0], 0), ESRCH);
  pid_t other = must(fork());
  if (other == 0) {
    must(setsid());
    gate_open(ready);
    for (;;) pause();
  }
  gate_wait(ready);
  equal("its session", getsid(other), other);
  fails("cannot move across sessions", setpgid(other, getpgrp()), EPERM);
  fails("not a child of ours", setpgid(getppid(), getppid()), ESRCH);
  must(kill(other, SIGKILL));
  killed_by("other", other, SIGKILL);
  return finish();
}
