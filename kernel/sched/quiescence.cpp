// SPDX-License-Identifier: MIT
//
// When lookups without a lock have ended (sync/reclaim.h). A lookup keeps its CPU, so on each CPU
// it is over once the CPU has been through schedule_core(), runs its idle task, or runs the caller.
// All of it is read under the run queue's lock, which also orders the lookup's last access before
// what the caller does next. A CPU that stays with one task is asked to reschedule after a moment;
// one that idles is left alone: what interrupts it makes no lookups (LookupGuard).
#include "arch/clock.h"
#include "sched/run_queue.h"
#include "sync/parking.h"
#include "sync/reclaim.h"

namespace tine {
namespace {

constexpr Nanoseconds kNap = 1'000'000;

struct Observed {
  bool is_quiescent;
  uint64_t passes;
};

Observed observe(sched::RunQueue& rq) {
  IrqGuard guard(rq.lock);
  const bool holds_none = rq.current == rq.idle || rq.current == arch::current_schedulable();
  return {holds_none, rq.passes};
}

void nap() {
  prepare_to_sleep(TaskState::uninterruptible);
  (void)schedule_until(arch::monotonic_now() + kNap);
  finish_sleep();
}

}  // namespace

void wait_for_lookups() {
  const CpuId count = sched::cpu_count();
  Observed at_first[kMaxCpus];
  for (CpuId cpu = 0; cpu < count; ++cpu) at_first[cpu] = observe(sched::run_queues[cpu]);
  for (CpuId cpu = 0; cpu < count; ++cpu) {
    if (at_first[cpu].is_quiescent) continue;
    for (int naps = 0;; ++naps) {
      const Observed now = observe(sched::run_queues[cpu]);
      if (now.is_quiescent || now.passes != at_first[cpu].passes) break;
      if (naps > 0) arch::send_reschedule_interrupt(cpu);
      nap();
    }
  }
}

}  // namespace tine
