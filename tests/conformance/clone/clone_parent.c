// SPDX-License-Identifier: MIT
// CONTRACT: B56
//
// CLONE_PARENT makes a sibling: its parent is the caller's parent, and only that one can wait.
#include "check.h"

int main(void) {
  pid_t* sibling = shared_memory(4096);
  pid_t self = getpid();
  struct gate release = gate_make();
  pid_t caller = must(fork());
  if (caller == 0) {
    pid_t made = must(raw_clone(CLONE_PARENT | SIGCHLD, NULL, NULL));
    if (made == 0) {
      gate_wait(release);  // until the caller has said its lines
      equal("sibling's parent", getppid(), self);
      _exit(check_failures);
    }
    *sibling = made;
    fails("caller cannot wait for it", waitpid(made, NULL, 0), ECHILD);
    _exit(check_failures);
  }
  exits("caller", caller, 0);
  gate_open(release);
  exits("sibling is ours", *sibling, 0);
  return finish();
}
