// SPDX-License-Identifier: MIT
// CONTRACT: B32 D5
//
// Two processes on one memory: mappings made by one are there for the other, and the memory
// survives the end of either.
#include "check.h"

static char stack[65536] __attribute__((aligned(16)));
static char* volatile made;

static int mapper(void* argument) {
  (void)argument;
  made = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  made[0] = 77;
  return 0;
}

int main(void) {
  pid_t child = must(
      clone_on_stack(CLONE_VM | SIGCHLD, stack + sizeof stack, mapper, NULL, NULL, NULL, NULL));
  exits("child", child, 0);
  equal("its mapping is here", made[0], 77);
  made[0]++;
  must(munmap(made, 4096));
  char* heap = malloc(100000);
  heap[99999] = 3;
  equal("heap grows", heap[99999], 3);
  return finish();
}
