// SPDX-License-Identifier: MIT
// CONTRACT: G8 A9
//
// Orphans go to the nearest subreaper above them, zombies included.
#include <sys/prctl.h>

#include "check.h"

int main(void) {
  pid_t* numbers = shared_memory(4096);
  int flag = 0;
  must(prctl(PR_SET_CHILD_SUBREAPER, 1));
  must(prctl(PR_GET_CHILD_SUBREAPER, &flag));
  equal("flag is set", flag, 1);
  pid_t self = getpid();
  struct gate orphaned = gate_make(), made = gate_make();
  pid_t middle = must(fork());
  if (middle == 0) {
    must(prctl(PR_GET_CHILD_SUBREAPER, &flag));
    equal("flag is not inherited", flag, 0);
    pid_t orphan = must(fork());
    if (orphan == 0) {
      gate_open(made);
      gate_wait(orphaned);
      equal("orphan's new parent", getppid(), self);
      _exit(check_failures == 0 ? 21 : 1);
    }
    pid_t zombie = must(fork());
    if (zombie == 0) _exit(22);
    numbers[0] = orphan;
    numbers[1] = zombie;
    wait_state(zombie, 'Z');
    gate_wait(made);
    _exit(check_failures);
  }
  exits("middle", middle, 0);
  gate_open(orphaned);
  exits("orphan", numbers[0], 21);
  exits("zombie came along", numbers[1], 22);
  must(prctl(PR_SET_CHILD_SUBREAPER, 0));
  fails("nothing left", wait(NULL), ECHILD);
  return finish();
}
