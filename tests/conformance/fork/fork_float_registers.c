// SPDX-License-Identifier: MIT
// CONTRACT: A20 E54
//
// x87 control word, MXCSR, SSE and AVX registers are equal in the child and unchanged in the
// parent, and each keeps its own afterwards while both run.
#include <cpuid.h>

#include "check.h"

static int has_avx(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
  return (c & bit_OSXSAVE) != 0 && (c & bit_AVX) != 0;
}

struct state {
  uint16_t control_word;
  uint32_t mxcsr;
  uint8_t vector[2][32];
};

static long __attribute__((noinline, target("avx"))) fork_with_vectors(const uint8_t* pattern,
                                                                       struct state* out) {
  long result;
  __asm__ volatile(
      "vmovdqu (%[in]), %%ymm7\n"
      "vmovdqu 32(%[in]), %%ymm15\n"
      "mov $57, %%eax\n"
      "syscall\n"
      "vmovdqu %%ymm7, (%[out])\n"
      "vmovdqu %%ymm15, 32(%[out])\n"
      "vzeroupper\n"
      : "=&a"(result)
      : [in] "r"(pattern), [out] "r"(out->vector)
      : "rcx", "r11", "memory", "xmm0", "xmm7", "xmm15");
  return result;
}

static long __attribute__((noinline)) fork_with_sse(const uint8_t* pattern, struct state* out) {
  long result;
  __asm__ volatile(
      "movdqu (%[in]), %%xmm7\n"
      "movdqu 32(%[in]), %%xmm15\n"
      "mov $57, %%eax\n"
      "syscall\n"
      "movdqu %%xmm7, (%[out])\n"
      "movdqu %%xmm15, 32(%[out])\n"
      : "=&a"(result)
      : [in] "r"(pattern), [out] "r"(out->vector)
      : "rcx", "r11", "memory", "xmm7", "xmm15");
  return result;
}

static void check_state(const char* who, const struct state* seen, const uint8_t* pattern,
                        size_t width) {
  char label[64];
  snprintf(label, sizeof label, "%s: vector registers", who);
  ok(label, memcmp(seen->vector[0], pattern, width) == 0 &&
                memcmp(seen->vector[1], pattern + 32, width) == 0);
  snprintf(label, sizeof label, "%s: x87 control word", who);
  equal(label, seen->control_word, 0x0b7f);
  snprintf(label, sizeof label, "%s: mxcsr", who);
  equal(label, seen->mxcsr, 0x9f80);
}

int main(void) {
  uint8_t pattern[64];
  for (int index = 0; index < 64; index++) pattern[index] = (uint8_t)(index * 7 + 1);
  uint16_t control_word = 0x0b7f;
  uint32_t mxcsr = 0x9f80;
  struct state seen;
  memset(&seen, 0, sizeof seen);
  int avx = has_avx();
  __asm__ volatile("fldcw %0; ldmxcsr %1" : : "m"(control_word), "m"(mxcsr));
  long child = avx ? fork_with_vectors(pattern, &seen) : fork_with_sse(pattern, &seen);
  __asm__ volatile("fnstcw %0; stmxcsr %1" : "=m"(seen.control_word), "=m"(seen.mxcsr));
  if (child == 0) {
    check_state("child", &seen, pattern, avx ? 32 : 16);
    double value = 1.0;
    for (int turn = 0; turn < 100000; turn++) value = value * 1.0000001 + 0.5;
    ok("child computes", value > 1.0);
    _exit(check_failures);
  }
  must(child);
  exits("child", (pid_t)child, 0);
  check_state("parent", &seen, pattern, avx ? 32 : 16);
  return finish();
}
