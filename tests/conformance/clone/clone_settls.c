// SPDX-License-Identifier: MIT
// CONTRACT: E82 A19
//
// CLONE_SETTLS sets the child's thread pointer; a non-canonical one is refused with EPERM.
#include "check.h"

static char stack[65536] __attribute__((aligned(16)));
static uint64_t area[16];

static int child_main(void* argument) {
  (void)argument;
  uint64_t value;
  __asm__ volatile("mov %%fs:8, %0" : "=r"(value));
  return value == 0x1234 ? 0 : 1;
}

int main(void) {
  area[1] = 0x1234;
  pid_t child = must(clone_on_stack(CLONE_VM | CLONE_SETTLS | SIGCHLD, stack + sizeof stack,
                                    child_main, NULL, NULL, NULL, area));
  exits("child reads through its own base", child, 0);
  errno = 0;
  child = clone_on_stack(CLONE_VM | CLONE_SETTLS | SIGCHLD, stack + sizeof stack, child_main, NULL,
                         NULL, NULL, (void*)0x8000000000000000UL);
  fails_with("non-canonical", child, errno, EPERM);
  return finish();
}
