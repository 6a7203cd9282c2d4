// SPDX-License-Identifier: MIT
// CONTRACT: E59 E77 E88 E98
//
// Forks and wake-ups on a machine of four CPUs: children that compute are spread over all of them
// at once, a child that begins on another CPU than its parent's has the parent's floating-point
// registers, affinity is changed by each for itself, and a wake-up reaches an idle CPU soon.
#include "check.h"

enum { cpus = 4, rounds = 9, exchanges = 200 };
static const long long millisecond = 1000000;

static void use_cpus(unsigned mask) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (int cpu = 0; cpu < cpus; ++cpu) {
    if (mask >> cpu & 1) CPU_SET(cpu, &set);
  }
  must(sched_setaffinity(0, sizeof set, &set));
}

// How long it takes until as many hogs as there are CPUs have one each; the parent sleeps.
static long long time_to_spread(void) {
  pid_t hogs[cpus];
  long long start = now_ns(CLOCK_MONOTONIC), took = -1;
  for (int index = 0; index < cpus; ++index) {
    hogs[index] = must(fork());
    if (hogs[index] == 0) {
      for (volatile int spinning = 1; spinning;) continue;
    }
  }
  while (took < 0 && now_ns(CLOCK_MONOTONIC) - start < 5000 * millisecond) {
    unsigned used = 0;
    for (int index = 0; index < cpus; ++index) used |= 1u << stat_field(hogs[index], 39);
    if (used == (1u << cpus) - 1)
      took = now_ns(CLOCK_MONOTONIC) - start;
    else
      usleep(5000);
  }
  for (int index = 0; index < cpus; ++index) must(kill(hogs[index], SIGKILL));
  for (int index = 0; index < cpus; ++index) must(waitpid(hogs[index], NULL, 0));
  return took;
}

// Most rounds, because the host may keep the whole machine from running for a while.
static void hogs_are_spread(void) {
  int soon = 0, never = 0;
  for (int round = 0; round < rounds; ++round) {
    long long took = time_to_spread();
    soon += took >= 0 && took <= 100 * millisecond;
    never += took < 0;
  }
  equal("rounds in which a CPU stayed without", never, 0);
  ok("four hogs are on four CPUs within 100 ms", soon > rounds / 2);
}

// A register that the compiler does not touch, from before the fork.
static int child_has(double value) {
  double seen;
  pid_t child;
  __asm__ volatile("movsd %2, %%xmm13\n\tmovl $57, %%eax\n\tsyscall\n\tmovsd %%xmm13, %1"
                   : "=&a"(child), "=m"(seen)
                   : "x"(value)
                   : "rcx", "r11", "xmm13", "memory");
  if (child == 0) _exit(seen == value ? 16 + sched_getcpu() : 1);
  int status = 0;
  must(waitpid(must(child), &status, 0));
  return seen == value && WIFEXITED(status) && WEXITSTATUS(status) >= 16 ? WEXITSTATUS(status) - 16
                                                                         : -1;
}

static void registers_arrive_elsewhere(void) {
  int wrong = 0, elsewhere = 0;
  pid_t hog = must(fork());
  use_cpus(1);
  if (hog == 0) {
    for (volatile int spinning = 1; spinning;) continue;
  }
  for (int turn = 0; turn < 100; ++turn) {
    use_cpus(1);
    use_cpus((1u << cpus) - 1);
    int here = sched_getcpu(), there = child_has(turn * 1.25);
    wrong += there < 0;
    elsewhere += there >= 0 && there != here;
  }
  must(kill(hog, SIGKILL));
  must(waitpid(hog, NULL, 0));
  equal("children with other registers than the parent's", wrong, 0);
  ok("some began on another CPU", elsewhere > 0);
}

static void affinity_is_ones_own(void) {
  use_cpus(1u << 2);
  pid_t child = must(fork());
  if (child == 0) {
    equal("inherited", sched_getcpu(), 2);
    use_cpus(1u << 3);
    equal("the child moves", sched_getcpu(), 3);
    _exit(check_failures);
  }
  exits("child", child, 0);
  equal("the parent stays", sched_getcpu(), 2);
  use_cpus((1u << cpus) - 1);
}

static int compare(const void* a, const void* b) {
  long long x = *(const long long*)a, y = *(const long long*)b;
  return (x > y) - (x < y);
}

// From a write on one CPU to the reader's first act on another, which idles meanwhile.
static void wake_ups_come_soon(void) {
  volatile long long* woken_at = shared_memory(4096);
  static long long delays[exchanges];
  struct gate request = gate_make(), answer = gate_make();
  pid_t child = must(fork());
  if (child == 0) {
    use_cpus(1u << 1);
    for (;;) {
      char byte;
      if (read(request.ends[0], &byte, 1) != 1) _exit(1);
      *woken_at = now_ns(CLOCK_MONOTONIC);
      gate_open(answer);
    }
  }
  use_cpus(1u << 0);
  for (int turn = 0; turn < exchanges; ++turn) {
    wait_state(child, 'S');
    usleep(1000);  // so that it idles, and does not poll any more
    long long start = now_ns(CLOCK_MONOTONIC);
    gate_open(request);
    gate_wait(answer);
    delays[turn] = *woken_at - start;
  }
  must(kill(child, SIGKILL));
  must(waitpid(child, NULL, 0));
  qsort(delays, exchanges, sizeof delays[0], compare);
  long long median = delays[exchanges / 2];
  if (median > 20 * millisecond) say("median %lld us", median / 1000);
  ok("no answer came before its question", delays[0] >= 0);
  ok("a wake-up reaches an idle CPU within 20 ms", median <= 20 * millisecond);
}

int main(void) {
  hogs_are_spread();
  registers_arrive_elsewhere();
  affinity_is_ones_own();
  wake_ups_come_soon();
  return finish();
}
