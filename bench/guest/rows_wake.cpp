// SPDX-License-Identifier: MIT
//
// Rows of the no-libc program about the scheduler's own costs: yielding, and how late a realtime
// task wakes from a timer, as cyclictest measures it.
//
// The sleeper is SCHED_FIFO and asks for absolute times; its latency is the kernel's clock at its
// return less the time it asked for, so the call that reads the clock is in it. "Idle" leaves the
// CPU to nobody else; "busy" has a fair task fork, map, touch and unmap meanwhile, so that the
// timer finds the kernel in the midst of its longest paths. A refused call ends the row with its
// errno; a failed row's load dies of its parent's death (PR_SET_PDEATHSIG).
#include "rows.h"

#include <asm/signal.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/time.h>
#include <linux/time_types.h>

namespace bench {
namespace {

constexpr uint64_t nanoseconds_per_second = 1'000'000'000;
constexpr size_t wake_ups = 500;
constexpr uint64_t interval_nanoseconds = 300'000;

uint64_t now() {
  __kernel_timespec time = {};
  must(raw_call(__NR_clock_gettime, CLOCK_MONOTONIC, as_long(&time)));
  return static_cast<uint64_t>(time.tv_sec) * nanoseconds_per_second +
         static_cast<uint64_t>(time.tv_nsec);
}

void sleep_until(uint64_t time) {
  const __kernel_timespec wanted = {
      .tv_sec = static_cast<long>(time / nanoseconds_per_second),
      .tv_nsec = static_cast<long long>(time % nanoseconds_per_second)};
  must(raw_call(__NR_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, as_long(&wanted), 0));
}

void become_fifo() {
  constexpr int policy_fifo = 1;
  const int priority = 50;
  must(raw_call(__NR_sched_setscheduler, 0, policy_fifo, as_long(&priority)));
}

void sort(uint64_t (&values)[wake_ups]) {
  for (size_t i = 1; i < wake_ups; ++i) {
    const uint64_t value = values[i];
    size_t place = i;
    for (; place > 0 && values[place - 1] > value; --place) values[place] = values[place - 1];
    values[place] = value;
  }
}

// In icount mode a nanosecond is an instruction.
void report_nanoseconds(const char* figure, uint64_t nanoseconds) {
  report_value(figure, nanoseconds * 10, ticks_per_millisecond == 0 ? "instructions" : "ns");
}

struct LatencyFigures {
  const char* middle;
  const char* worst;
};

void measure_wake_ups(LatencyFigures figures) {
  static uint64_t latencies[wake_ups];
  constexpr size_t warm_up = 20;
  uint64_t next = now();
  for (size_t i = 0; i < warm_up + wake_ups; ++i) {
    next += interval_nanoseconds;
    sleep_until(next);
    const uint64_t woken = now();
    if (woken < next) give_up_because("woken-too-early");
    if (i >= warm_up) latencies[i - warm_up] = woken - next;
    // Whoever overslept a whole interval starts anew from where he is.
    if (woken > next + interval_nanoseconds) next = woken;
  }
  sort(latencies);
  report_nanoseconds(figures.middle, latencies[wake_ups / 2]);
  report_nanoseconds(figures.worst, latencies[wake_ups - 1]);
}

[[noreturn]] void keep_kernel_busy() {
  raw_call(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL);
  constexpr size_t bytes = 4 * mib_bytes;
  for (;;) {
    const auto pages = static_cast<volatile char*>(map_pages(bytes));
    for (size_t at = 0; at < bytes; at += page_bytes) pages[at] = 1;
    reap(fork_and_exit());
    unmap_pages(const_cast<char*>(pages), bytes);
  }
}

}  // namespace

void row_yield_alone() {
  measure("yield_alone", 5'000, [] { raw_call(__NR_sched_yield); });
}

// Two processes that only yield: each call leads to the other one.
void row_yield_switch() {
  constexpr uint64_t yields = 2'000;
  uint64_t taken[batches];
  for (size_t batch = 0; batch <= batches; ++batch) {
    const long pid = must(raw_fork());
    const uint64_t start = read_ticks();
    for (uint64_t i = 0; i < yields; ++i) raw_call(__NR_sched_yield);
    if (pid == 0) raw_exit(0);
    reap(pid);
    if (batch > 0) taken[batch - 1] = read_ticks() - start;  // the first warms up
  }
  report_ticks("yield_switch", median(taken), 2 * yields);
}

void row_wake_latency_idle() {
  become_fifo();
  measure_wake_ups({"wake_idle_p50", "wake_idle_max"});
}

void row_wake_latency_busy() {
  const long load = must(raw_fork());
  if (load == 0) keep_kernel_busy();
  become_fifo();
  measure_wake_ups({"wake_busy_p50", "wake_busy_max"});
  must(raw_call(__NR_kill, load, SIGKILL));
  must(raw_wait(load, nullptr));
}

}  // namespace bench
