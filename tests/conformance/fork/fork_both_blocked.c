// SPDX-License-Identifier: MIT
// CONTRACT: A17 E76
//
// Parent and child have kernel stacks of their own: both block in system calls at the same time
// and both resume correctly.
#include "check.h"

int main(void) {
  struct gate to_child = gate_make(), to_parent = gate_make();
  pid_t child = must(fork());
  if (child == 0) {
    for (int turn = 0; turn < 200; turn++) {
      gate_wait(to_child);
      gate_open(to_parent);
    }
    _exit(7);
  }
  for (int turn = 0; turn < 200; turn++) {
    gate_open(to_child);
    gate_wait(to_parent);
  }
  exits("child ends with its own value", child, 7);
  return finish();
}
