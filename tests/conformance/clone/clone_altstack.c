// SPDX-License-Identifier: MIT
// CONTRACT: G4
//
// The alternate signal stack is kept by fork and vfork, and dropped by CLONE_VM without VFORK.
#include "check.h"

static char stack[65536] __attribute__((aligned(16)));
static char alternate[16384];
static volatile int seen_flags;

static int look(void* argument) {
  (void)argument;
  stack_t current;
  memset(&current, 0, sizeof current);
  syscall(SYS_sigaltstack, NULL, &current);
  seen_flags = current.ss_flags;
  return current.ss_flags == SS_DISABLE ? 1 : 0;
}

int main(void) {
  stack_t own = {.ss_sp = alternate, .ss_size = sizeof alternate};
  must(sigaltstack(&own, NULL));
  pid_t child = must(fork());
  if (child == 0) _exit(look(NULL));
  exits("kept by fork", child, 0);
  child = must(clone_on_stack(CLONE_VM | CLONE_VFORK | SIGCHLD, stack + sizeof stack, look, NULL,
                              NULL, NULL, NULL));
  exits("kept by vfork", child, 0);
  child =
      must(clone_on_stack(CLONE_VM | SIGCHLD, stack + sizeof stack, look, NULL, NULL, NULL, NULL));
  exits("dropped with shared memory", child, 1);
  return finish();
}
