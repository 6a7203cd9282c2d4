// SPDX-License-Identifier: MIT
// CONTRACT: issue-2 B32
//
// A futex in a shared mapping works between processes, at different addresses; the same address
// in private memory does not.
#include "check.h"

int main(void) {
  spill("file", "\0\0\0\0", 4, 0644);
  int file = must(open("file", O_RDWR));
  int* here = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  int* there = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ok("two addresses", here != there);
  pid_t child = must(fork());
  if (child == 0) {
    while (*(volatile int*)there == 0) syscall(SYS_futex, there, 0, 0, NULL, NULL, 0);
    _exit(*there);
  }
  wait_state(child, 'S');
  *here = 9;
  equal("woken across", syscall(SYS_futex, here, 1, 1, NULL, NULL, 0), 1);
  exits("child", child, 9);
  static int private_word;
  child = must(fork());
  if (child == 0) {
    struct timespec forever = {60, 0};
    syscall(SYS_futex, &private_word, 0, 0, &forever, NULL, 0);
    _exit(1);
  }
  wait_state(child, 'S');
  equal("private memory is not shared", syscall(SYS_futex, &private_word, 1, 1, NULL, NULL, 0), 0);
  must(kill(child, SIGKILL));
  killed_by("child", child, SIGKILL);
  return finish();
}
