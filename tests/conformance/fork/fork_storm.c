// SPDX-License-Identifier: MIT
// CONTRACT: A24 B13
//
// Eight processes fork at once; each returned number is the child's own.
#include "check.h"

int main(void) {
  int* wrong = shared_memory(4096);
  pid_t forkers[8];
  for (int index = 0; index < 8; index++) {
    forkers[index] = must(fork());
    if (forkers[index] != 0) continue;
    pid_t* own = shared_memory(4096);
    for (int turn = 0; turn < 50; turn++) {
      pid_t child = must(fork());
      if (child == 0) {
        *own = getpid();
        _exit(0);
      }
      int status = -1;
      if (waitpid(child, &status, 0) != child || status != 0 || *own != child)
        __atomic_add_fetch(wrong, 1, __ATOMIC_SEQ_CST);
    }
    _exit(0);
  }
  for (int index = 0; index < 8; index++) exits("forker", forkers[index], 0);
  equal("returned number was always the child's", *wrong, 0);
  return finish();
}
