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

// clone3 names the lowest byte and the size; the child begins at the top, and here ends at once.
static pid_t clone3_on_stack(uintptr_t* seen) {
  struct clone3_arguments arguments = {.flags = CLONE_VM,
                                       .exit_signal = SIGCHLD,
                                       .stack = (uintptr_t)stack,
                                       .stack_size = sizeof stack};
  long result = SYS_clone3;
  __asm__ volatile(
      "syscall\n\ttestl %%eax, %%eax\n\tjnz 1f\n\t"
      "movq %%rsp, (%3)\n\tmovl $60, %%eax\n\tmovl $21, %%edi\n\tsyscall\n1:"
      : "+a"(result)
      : "D"(&arguments), "S"(sizeof arguments), "b"(seen)
      : "rcx", "r11", "memory");
  return (pid_t)result;
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
  uintptr_t seen = 0;
  child = clone3_on_stack(&seen);
  ok("clone3 works", child > 0);
  exits("clone3", child, 21);
  ok("begins at the stack's upper end", seen == (uintptr_t)(stack + sizeof stack));
  return finish();
}
