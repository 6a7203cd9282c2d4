// SPDX-License-Identifier: MIT
//
// Load averages (getloadavg(3), /proc/loadavg) and CPU times (/proc/stat).
//
// Every five seconds the three averages move towards the number of tasks that run, wait to run, or
// sleep uninterruptibly. An idle CPU has no tick, so the periods that were missed are made up for
// when somebody looks. Counts of other CPUs are read without their locks: a sample needs no more.
#include <algorithm>

#include "arch/clock.h"
#include "sched/run_queue.h"

namespace tine::sched {
namespace {

constexpr Nanoseconds kPeriod = 5 * kNsPerSecond;
constexpr uint64_t kFixedOne = 1 << 11;
// e^(-5 s / 1, 5, 15 min) in that fixed point.
constexpr uint64_t kDecay[3] = {1884, 2014, 2037};

// Innermost: nothing is taken under it.
constinit IrqSpinLock load_lock{LockRank::unranked};
uint64_t averages[3] GUARDED_BY(load_lock) = {};
Nanoseconds next_update GUARDED_BY(load_lock) = kPeriod;
std::atomic<Nanoseconds> next_update_hint{kPeriod};

uint64_t active_tasks() {
  int64_t active = 0;
  for (CpuId cpu = 0; cpu < cpu_count(); ++cpu) {
    active += run_queues[cpu].runnable + run_queues[cpu].blocked;
  }
  return static_cast<uint64_t>(std::max<int64_t>(active, 0));
}

}  // namespace

void update_load_average(Nanoseconds now) {
  if (now < next_update_hint.load(std::memory_order_relaxed)) [[likely]]
    return;
  uint64_t target = active_tasks() * kFixedOne;
  IrqGuard guard(load_lock);
  // After an hour of idling the averages have decayed to nothing.
  if (now - next_update > 3600 * kNsPerSecond) next_update = now - 3600 * kNsPerSecond;
  for (; next_update <= now; next_update += kPeriod) {
    for (int i = 0; i < 3; ++i) {
      uint64_t scaled = averages[i] * kDecay[i] + target * (kFixedOne - kDecay[i]);
      if (target >= averages[i]) scaled += kFixedOne - 1;
      averages[i] = scaled / kFixedOne;
    }
  }
  next_update_hint.store(next_update, std::memory_order_relaxed);
}

LoadSnapshot load_snapshot() {
  update_load_average(arch::monotonic_now());
  LoadSnapshot snapshot{};
  int64_t blocked = 0;
  for (CpuId cpu = 0; cpu < cpu_count(); ++cpu) {
    snapshot.running += run_queues[cpu].runnable;
    snapshot.total_switches += run_queues[cpu].statistics.switches;
    blocked += run_queues[cpu].blocked;
  }
  snapshot.blocked = static_cast<uint64_t>(std::max<int64_t>(blocked, 0));
  IrqGuard guard(load_lock);
  std::copy_n(averages, 3, snapshot.load_average);
  return snapshot;
}

const CpuStatistics& cpu_statistics(CpuId cpu) { return run_queues[cpu].statistics; }

CpuTimes cpu_times(CpuId cpu) {
  arch::IrqState state = arch::irq_save();
  RunQueue& rq = run_queues[cpu];
  rq.lock.lock_irqs_off();
  update_current(rq, arch::monotonic_now());
  CpuTimes times = rq.times;
  unlock(rq);
  arch::irq_restore(state);
  return times;
}

}  // namespace tine::sched
