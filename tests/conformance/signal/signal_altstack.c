// SPDX-License-Identifier: MIT
// CONTRACT: G4
//
// sigaltstack: handlers with SA_ONSTACK run there, SS_ONSTACK shows, it survives stack overflow.
#include <setjmp.h>

#include "check.h"

static char alternate[32768];
static volatile int on_it, flags_inside, change_refused;
static sigjmp_buf back;
static void on_signal(int number) {
  char here;
  on_it = &here > alternate && &here < alternate + sizeof alternate;
  stack_t current, other = {.ss_sp = alternate, .ss_size = sizeof alternate};
  sigaltstack(NULL, &current);
  flags_inside = current.ss_flags;
  change_refused = sigaltstack(&other, NULL) == -1 && errno == EPERM;
  if (number == SIGSEGV) siglongjmp(back, 1);
}

#pragma GCC diagnostic ignored "-Winfinite-recursion"
static int __attribute__((noinline)) recurse(int depth) {
  volatile char frame[4096];
  frame[0] = (char)depth;
  return recurse(depth + 1) + frame[0];
}

int main(void) {
  stack_t own = {.ss_sp = alternate, .ss_size = sizeof alternate}, current;
  must(sigaltstack(NULL, &current));
  equal("none at first", current.ss_flags, SS_DISABLE);
  must(sigaltstack(&own, NULL));
  must(sigaltstack(NULL, &current));
  ok("reads back",
     current.ss_sp == alternate && current.ss_size == sizeof alternate && current.ss_flags == 0);
  handle(SIGUSR1, on_signal, SA_ONSTACK);
  handle(SIGUSR2, on_signal, 0);
  handle(SIGSEGV, on_signal, SA_ONSTACK);
  raise(SIGUSR1);
  equal("handler ran on it", on_it, 1);
  equal("SS_ONSTACK inside", flags_inside, SS_ONSTACK);
  equal("EPERM while on it", change_refused, 1);
  must(sigaltstack(&own, NULL));
  raise(SIGUSR2);
  equal("without SA_ONSTACK not", on_it, 0);
  if (sigsetjmp(back, 1) == 0) recurse(0);
  equal("overflow handled on it", on_it, 1);
  own.ss_size = 100;
  fails("too small", syscall(SYS_sigaltstack, &own, NULL), ENOMEM);
  own.ss_size = sizeof alternate;
  own.ss_flags = 0x40;
  fails("bad flags", sigaltstack(&own, NULL), EINVAL);
  own.ss_flags = SS_DISABLE;
  must(sigaltstack(&own, NULL));
  pid_t child = must(fork());
  if (child == 0) _exit(recurse(0));
  killed_by("overflow without it kills", child, SIGSEGV);
  return finish();
}
