// SPDX-License-Identifier: MIT
// CONTRACT: E81 B32 A16
//
// clone with CLONE_VM and a stack of its own: the child runs there and its stores are seen.
#include "check.h"

static char stack[65536] __attribute__((aligned(16)));
static volatile int shared_value;
static volatile uintptr_t seen_stack;

static int child_main(void* argument) {
  char here;
  seen_stack = (uintptr_t)&here;
  shared_value = *(int*)argument + 1;
  return 11;
}

static int private_main(void* argument) {
  *(volatile int*)argument = 99;
  return shared_value == 42 ? 12 : 1;
}

int main(void) {
  int argument = 41;
  pid_t child = must(clone_on_stack(CLONE_VM | SIGCHLD, stack + sizeof stack, child_main, &argument,
                                    NULL, NULL, NULL));
  exits("child", child, 11);
  equal("store seen", shared_value, 42);
  ok("ran on its stack",
     seen_stack > (uintptr_t)stack && seen_stack < (uintptr_t)(stack + sizeof stack));
  child = must(
      clone_on_stack(SIGCHLD, stack + sizeof stack, private_main, &argument, NULL, NULL, NULL));
  exits("without VM", child, 12);
  equal("its store is private", argument, 41);
  return finish();
}
