// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// Handlers nest, return in order, and may leave by siglongjmp; registers and errno survive.
#include <setjmp.h>

#include "check.h"

static char trace[32];
static volatile sig_atomic_t length;
static sigjmp_buf back;
static void note(char letter) { trace[length++] = letter; }
static void inner(int number) {
  (void)number;
  note('c');
}
static void outer(int number) {
  (void)number;
  note('b');
  raise(SIGUSR2);
  note('d');
}
static void leaver(int number) {
  (void)number;
  siglongjmp(back, 3);
}

int main(void) {
  handle(SIGUSR1, outer, 0);
  handle(SIGUSR2, inner, 0);
  note('a');
  raise(SIGUSR1);
  note('e');
  ok("order", strcmp(trace, "abcde") == 0);
  handle(SIGUSR1, leaver, 0);
  int left = 0;
  for (int turn = 0; turn < 100; turn++) {
    if (sigsetjmp(back, 1) == 0) {
      raise(SIGUSR1);
    } else {
      left++;
    }
  }
  equal("left a hundred times", left, 100);
  double sum = 0;
  handle(SIGUSR1, inner, 0);
  length = 0;
  for (int turn = 1; turn <= 20; turn++) {
    sum += 1.0 / turn;
    raise(SIGUSR1);
  }
  ok("floating point survives", sum > 3.59773 && sum < 3.59774);
  length = 0;
  return finish();
}
