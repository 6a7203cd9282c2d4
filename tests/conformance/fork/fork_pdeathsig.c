// SPDX-License-Identifier: MIT
// CONTRACT: B67 E40 G8
//
// The parent-death signal is not inherited, and when set it arrives when the parent ends.
#include <sys/prctl.h>

#include "check.h"

int main(void) {
  int number = -1;
  must(prctl(PR_SET_CHILD_SUBREAPER, 1));
  must(prctl(PR_SET_PDEATHSIG, SIGUSR2));
  pid_t child = must(fork());
  if (child == 0) {
    must(prctl(PR_GET_PDEATHSIG, &number));
    equal("cleared in child", number, 0);
    _exit(check_failures);
  }
  exits("child", child, 0);
  must(prctl(PR_GET_PDEATHSIG, &number));
  equal("kept in parent", number, SIGUSR2);
  fails("signal out of range", prctl(PR_SET_PDEATHSIG, 65), EINVAL);

  pid_t* grandchild = shared_memory(4096);
  struct gate ready = gate_make();
  child = must(fork());
  if (child == 0) {
    pid_t inner = must(fork());
    if (inner == 0) {
      must(prctl(PR_SET_PDEATHSIG, SIGKILL));
      *grandchild = getpid();
      gate_open(ready);
      for (;;) pause();
    }
    gate_wait(ready);
    _exit(5);
  }
  exits("middle ends", child, 5);
  killed_by("grandchild is killed", *grandchild, SIGKILL);
  return finish();
}
