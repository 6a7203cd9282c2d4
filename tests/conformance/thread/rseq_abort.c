// SPDX-License-Identifier: MIT
//
// A restartable sequence that is interrupted, by a signal or by another thread on its CPU, goes on
// at its abort address; one that is not runs through.
#include "../check.h"

#include <sys/time.h>

struct sequence {
  uint32_t version, flags;
  uint64_t start, length, abort;
} __attribute__((aligned(32)));

static struct {
  uint32_t cpu_at_start, cpu;
  uint64_t sequence;
  uint32_t flags, node, concurrency, padding;
} area __attribute__((aligned(32)));
static volatile int signals;

static void count(int number) {
  (void)number;
  ++signals;
}

// Counts down within a sequence: 0 if it came to the end, 1 if it was aborted.
static int run(uint64_t rounds) {
  static struct sequence sequence;
  int aborted = 0;
  __asm__ volatile(
      "leaq 1f(%%rip), %%rax\n\t movq %%rax, 8(%[s])\n\t"
      "leaq 2f(%%rip), %%rcx\n\t subq %%rax, %%rcx\n\t movq %%rcx, 16(%[s])\n\t"
      "leaq 4f(%%rip), %%rax\n\t movq %%rax, 24(%[s])\n\t"
      "movq %[s], 8(%[area])\n"
      "1:\n\t decq %[n]\n\t jnz 1b\n"
      "2:\n\t movq $0, 8(%[area])\n\t jmp 5f\n\t"
      ".long 0x53053053\n"
      "4:\n\t movl $1, %[aborted]\n"
      "5:\n"
      : [aborted] "+r"(aborted), [n] "+r"(rounds)
      : [s] "r"(&sequence), [area] "r"(&area)
      : "rax", "rcx", "memory", "cc");
  return aborted;
}

int main(void) {
  must(syscall(334, &area, 32, 0, 0x53053053));
  unsigned cpu = 99;
  must(syscall(SYS_getcpu, &cpu, NULL, NULL));
  ok("the area names a CPU", area.cpu < 1024 && area.cpu_at_start == area.cpu);
  int finished = 0;
  for (int i = 0; i < 100; ++i) finished += run(1) == 0;
  ok("short ones run through", finished > 50);
  handle(SIGALRM, count, SA_RESTART);
  struct itimerval soon = {.it_value = {.tv_usec = 20000}};
  must(setitimer(ITIMER_REAL, &soon, NULL));
  equal("a signal aborts it", run(1ull << 40), 1);
  // Preemption alone aborts it too, so the signal may be yet to come.
  while (signals == 0) run(1ull << 22);
  equal("the signal came", signals, 1);
  ok("the area is clear", area.sequence == 0);
  must(syscall(334, &area, 32, 1, 0x53053053));
  equal("given up", (int)area.cpu, -1);

  pid_t child = must(fork());
  if (child == 0) {
    must(syscall(334, &area, 32, 0, 0x11111111));  // not the signature that is in the code
    must(setitimer(ITIMER_REAL, &soon, NULL));
    run(1ull << 40);
    _exit(0);
  }
  killed_by("a wrong signature kills", child, SIGSEGV);
  return finish();
}
