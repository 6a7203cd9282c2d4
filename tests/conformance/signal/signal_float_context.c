// SPDX-License-Identifier: MIT
// CONTRACT: A20
//
// A handler may use the vector registers freely: the interrupted code's are restored.
#include <sys/time.h>

#include "check.h"

static volatile sig_atomic_t hits;
static void on_signal(int number) {
  (void)number;
  __asm__ volatile(
      "pcmpeqd %%xmm0, %%xmm0; movdqa %%xmm0, %%xmm5; movdqa %%xmm0, %%xmm12; fldpi; fstp "
      "%%st(0)" ::
          : "xmm0", "xmm5", "xmm12");
  hits++;
}

int main(void) {
  handle(SIGALRM, on_signal, 0);
  struct itimerval value = {{0, 1000}, {0, 1000}};
  uint64_t pattern[2] = {0x1122334455667788, 0x99aabbccddeeff00}, a[2], b[2];
  int wrong = 0;
  must(setitimer(ITIMER_REAL, &value, NULL));
  while (hits < 20) {
    __asm__ volatile(
        "movdqu %2, %%xmm5; movdqu %2, %%xmm12\n"
        "mov $20000, %%ecx\n"
        "1: dec %%ecx; jnz 1b\n"
        "movdqu %%xmm5, %0; movdqu %%xmm12, %1"
        : "=m"(a), "=m"(b)
        : "m"(pattern)
        : "ecx", "xmm5", "xmm12");
    wrong += memcmp(a, pattern, 16) != 0 || memcmp(b, pattern, 16) != 0;
  }
  equal("registers kept over twenty handlers", wrong, 0);
  return finish();
}
