// SPDX-License-Identifier: MIT
//
// The clocks: monotonic is the architecture's; realtime is an offset to it, from the RTC at first,
// then as clock_settime(2) sets it. Sleepers on the realtime clock look again whenever it is set.
// A sequence lock keeps the offset, how often it has changed, and what the vDSO has of it together;
// who needs the offset alone just reads it.
// sleep_until() fails with restart_sys when a signal comes; the rest cannot fail.
#include "arch/clock.h"
#include "arch/vdso.h"
#include "sched/timer.h"
#include "sync/hint.h"
#include "sync/sequence_lock.h"
#include "sync/wait_queue.h"

namespace tine::time {
namespace {

// Innermost: nothing is taken under it.
constinit SequenceLock realtime_lock{LockRank::unranked};
constinit Hint<Nanoseconds> adjustment;  // of the RTC's time; written under the lock, like the next
constinit Hint<uint64_t> changes;
constinit WaitQueue clock_was_set;

}  // namespace

Nanoseconds monotonic_now() { return arch::monotonic_now(); }

Nanoseconds realtime_offset() { return arch::boot_wall_clock() + adjustment; }
Nanoseconds realtime_now() { return monotonic_now() + realtime_offset(); }

void set_realtime(Nanoseconds now) {
  {
    SequenceGuard guard(realtime_lock);
    const Nanoseconds offset = now - monotonic_now();
    adjustment = offset - arch::boot_wall_clock();
    arch::vdso_set_realtime_offset(offset);
    ++changes;
  }
  clock_was_set.wake_all();
}

Result<void> sleep_until(Clock clock, Nanoseconds deadline) {
  auto never = [] { return false; };
  for (;;) {
    struct Setting {
      Nanoseconds offset;
      uint64_t changes;
    };
    const auto set = realtime_lock.read([] { return Setting{realtime_offset(), changes}; });
    bool realtime = clock == Clock::realtime;
    Nanoseconds monotonic_deadline = realtime ? deadline - set.offset : deadline;
    if (monotonic_deadline <= monotonic_now()) return {};
    Result<void> outcome;
    if (realtime) {
      outcome = wait_event(
          clock_was_set, WaitKind::interruptible, [&] { return changes != set.changes; },
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
