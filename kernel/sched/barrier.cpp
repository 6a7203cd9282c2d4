// SPDX-License-Identifier: MIT
//
// Makes other CPUs execute a memory barrier: by a reschedule interrupt, since entering and leaving
// an interrupt are barriers enough. A CPU that runs something else is left alone: it had its barrier
// when it switched, under its run queue's lock, which is taken here to look. Each CPU counts the
// interrupts that it takes, and the caller waits for the count to move, or for the task to go.
#include "sched/barrier.h"

#include "sched/run_queue.h"

namespace tine::sched {
namespace {

struct Asked {
  bool is_needed;
  uint64_t barriers;
};

// Whether the CPU runs such a task; it is then told of its sequences' end.
Asked look_at(RunQueue& rq, const void* mm, bool restart_sequences) {
  IrqGuard guard(rq.lock);
  Schedulable& running = *rq.current;
  bool is_needed = &running != rq.idle && running.mm != nullptr && (mm == nullptr || running.mm == mm);
  if (is_needed && restart_sequences && running.has_rseq) {
    running.work.fetch_or(kWorkNotifyResume, std::memory_order_relaxed);
  }
  return {is_needed, rq.barriers.load()};
}

}  // namespace

void barrier_on_cpus(const void* mm, bool restart_sequences) {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  CpuId count = cpu_count();
  for (CpuId cpu = 0; cpu < count && count > 1; ++cpu) {
    RunQueue& rq = run_queues[cpu];
    PreemptGuard stay_here;
    if (cpu == arch::this_cpu().id) continue;
    Asked asked = look_at(rq, mm, restart_sequences);
    if (!asked.is_needed) continue;
    arch::send_reschedule_interrupt(cpu);
    while (rq.barriers.load() == asked.barriers) arch::cpu_relax();
  }
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

}  // namespace tine::sched
