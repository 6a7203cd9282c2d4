// SPDX-License-Identifier: MIT
//
// Whether an idle CPU is worth its waking.
//
// A CPU that idles waits for an interrupt, and it takes a while until it runs the task that it is
// sent: microseconds on a processor, tens of them in an emulator, milliseconds where the machine
// has more CPUs than its host can run. Often the waker sleeps sooner than that, because it waits
// for the answer of the very task that it woke, or for the end of its child. Both are measured: how
// long a CPU takes from the interrupt to the task, and how long after waking somebody a task goes
// to sleep. The woken task goes where it will run first.
//
// A wrong guess costs one tick: a CPU that ticks while tasks wait has an idle one come and take one
// (offer_waiting() in balance.cpp). The measures of a task are its own, those of a CPU are
// read by others without its lock, as hints. Nothing here fails.
#include "arch/clock.h"
#include "sched/run_queue.h"

namespace tine::sched {
namespace {

// New samples count for so much in an average.
constexpr Nanoseconds kSampleShare = 4;
// What a CPU was found to cost fades as it is left alone, by this part each time, so that a bad
// moment of the host's is forgotten.
constexpr Nanoseconds kFading = 1024;

void fold(Nanoseconds& average, Nanoseconds sample) { average += (sample - average) / kSampleShare; }

bool is_in_interrupt() { return arch::preempt_count() >= arch::kHardIrqUnit; }

}  // namespace

void note_sleep_after_wake(Schedulable& task, Nanoseconds now) {
  fold(task.sleeps_after_wake, now - task.first_wake_at);
  task.first_wake_at = 0;
}

void note_start_from_idle(RunQueue& rq, Nanoseconds taken) {
  Nanoseconds cost = rq.start_cost.load(std::memory_order_relaxed);
  fold(cost, taken);
  rq.start_cost.store(cost, std::memory_order_relaxed);
}

bool waker_sleeps_sooner(CpuId idle) {
  if (is_in_interrupt()) return false;  // whoever was interrupted has nothing to do with it
  Schedulable& waker = *arch::current_schedulable();
  const Nanoseconds now = arch::monotonic_now();
  if (waker.first_wake_at == 0) waker.first_wake_at = now;
  RunQueue& rq = run_queues[idle];
  if (this_run_queue().runnable != 1 || rq.idle_polls.load(std::memory_order_relaxed)) return false;
  Nanoseconds cost = rq.start_cost.load(std::memory_order_relaxed);
  if (waker.sleeps_after_wake >= cost || now - waker.first_wake_at >= cost) return false;
  rq.start_cost.store(cost - cost / kFading, std::memory_order_relaxed);
  return true;
}

}  // namespace tine::sched
