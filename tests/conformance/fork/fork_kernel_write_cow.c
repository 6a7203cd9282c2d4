// SPDX-License-Identifier: MIT
// CONTRACT: A34
//
// A system call that writes into a page shared by fork copies it first: read(2) in the child across
// a page boundary does not change the parent's buffer.
#include "check.h"

int main(void) {
  int ends[2];
  must(pipe(ends));
  char* memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(memory, 'p', 8192);
  must(write(ends[1], "0123456789", 10));
  pid_t child = must(fork());
  if (child == 0) {
    equal("read over the boundary", read(ends[0], memory + 4091, 10), 10);
    ok("child sees it", memcmp(memory + 4091, "0123456789", 10) == 0);
    struct timespec* time = (struct timespec*)(memory + 4088);
    must(clock_gettime(CLOCK_MONOTONIC, time));
    ok("clock_gettime over the boundary", time->tv_nsec < 1000000000);
    _exit(check_failures);
  }
  exits("child", child, 0);
  int changed = 0;
  for (int index = 0; index < 8192; index++) changed += memory[index] != 'p';
  equal("parent's bytes unchanged", changed, 0);
  return finish();
}
