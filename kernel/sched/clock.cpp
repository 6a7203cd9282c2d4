// SPDX-License-Identifier: MIT
//
// The clocks: monotonic is the architecture's; realtime is an offset to it, from the RTC at first,
// then as clock_settime(2) sets it. Sleepers on the realtime clock look again whenever it is set.
// sleep_until() fails with restart_sys when a signal comes; the rest cannot fail.
#include <atomic>

#include "arch/clock.h"
#include "arch/vdso.h"
#include "sched/timer.h"
#include "sync/wait_queue.h"

namespace tine::time {
namespace {

// 0: not read yet. Whoever is first reads the RTC; two at once read the same.
std::atomic<Nanoseconds> offset{0};
std::atomic<uint64_t> changes{0};
constinit WaitQueue clock_was_set;

}  // namespace

Nanoseconds monotonic_now() { return arch::monotonic_now(); }

Nanoseconds realtime_offset() {
  Nanoseconds seen = offset.load(std::memory_order_relaxed);
  if (seen != 0) [[likely]]
    return seen;
  seen = arch::boot_wall_clock();
  offset.store(seen, std::memory_order_relaxed);
  return seen;
}

Nanoseconds realtime_now() { return monotonic_now() + realtime_offset(); }
uint64_t realtime_changes() { return changes.load(std::memory_order_acquire); }

void set_realtime(Nanoseconds now) {
  Nanoseconds fresh = now - monotonic_now();
  offset.store(fresh, std::memory_order_relaxed);
  arch::vdso_set_realtime_offset(fresh);
  changes.fetch_add(1);
  clock_was_set.wake_all();
}

Result<void> sleep_until(Clock clock, Nanoseconds deadline) {
  auto never = [] { return false; };
  for (;;) {
    uint64_t seen = realtime_changes();
    bool realtime = clock == Clock::realtime;
    Nanoseconds monotonic_deadline = realtime ? deadline - realtime_offset() : deadline;
    if (monotonic_deadline <= monotonic_now()) return {};
    Result<void> outcome;
    if (realtime) {
      outcome = wait_event(
          clock_was_set, WaitKind::interruptible, [&] { return realtime_changes() != seen; },
          monotonic_deadline);
    } else {
      // Nobody wakes such a sleeper but its timer and signals: a queue of its own.
      WaitQueue nobody;
      outcome = wait_event(nobody, WaitKind::interruptible, never, monotonic_deadline);
    }
    if (!outcome && outcome.error() != Errno::timedout) return outcome;
  }
}

}  // namespace tine::time
