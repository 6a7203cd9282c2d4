// SPDX-License-Identifier: MIT
//
// Making tasks runnable: wake-ups, the first wake-up of a forked task, and the choice of the CPU.
//
// A task's state is changed by wakers under the lock of the run queue that it belongs to, and that
// lock is held across its last switch; so a waker that has it finds the task either still running
// (its state is put back to running) or completely off its CPU. Nothing here fails.
#include "arch/clock.h"
#include "core/panic.h"
#include "sched/run_queue.h"
#include "sync/parking.h"

namespace tine::sched {
namespace {

bool is_idle(CpuId cpu) { return run_queues[cpu].runnable == 0; }

bool state_matches(TaskState state, WakeMode mode) {
  return static_cast<uint16_t>(state) & static_cast<uint16_t>(mode);
}

// Makes a task that is on no run queue runnable on `cpu`.
void enqueue_on(CpuId cpu, Schedulable& task, EnqueueReason reason) NO_THREAD_SAFETY_ANALYSIS {
  RunQueue& rq = run_queues[cpu];
  rq.lock.lock_irqs_off();
  update_current(rq, arch::monotonic_now());
  // Virtual time means something only within one queue: keep the distance to its floor.
  RunQueue& old = run_queues[task.cpu];
  if (&old != &rq) task.vruntime += rq.fair.min_vruntime - old.fair.min_vruntime;
  task.cpu = cpu;
  activate(rq, task, reason);
  check_preemption(rq, task);
  rq.lock.unlock_irqs_off();
}

}  // namespace

RunQueue& lock_run_queue_of(const Schedulable& task) {
  for (;;) {
    CpuId cpu = task.cpu;
    RunQueue& rq = run_queues[cpu];
    rq.lock.lock_irqs_off();
    if (task.cpu == cpu) [[likely]]
      return rq;
    rq.lock.unlock_irqs_off();
  }
}

void activate(RunQueue& rq, Schedulable& task, EnqueueReason reason) {
  task.sched_class->enqueue(rq, task, reason);
  task.on_rq = true;
  ++rq.runnable;
}

void deactivate(RunQueue& rq, Schedulable& task) {
  task.sched_class->dequeue(rq, task);
  task.on_rq = false;
  --rq.runnable;
}

CpuId select_cpu(const Schedulable& task, bool is_new) {
  CpuId count = cpu_count();
  if (count == 1) return 0;
  bool previous_allowed = task.cpu < count && (task.cpus_allowed >> task.cpu & 1);
  if (previous_allowed && !is_new && is_idle(task.cpu)) return task.cpu;
  CpuId best = kMaxCpus;
  for (CpuId cpu = 0; cpu < count; ++cpu) {
    if (!(task.cpus_allowed >> cpu & 1)) continue;
    if (best == kMaxCpus || run_queues[cpu].runnable < run_queues[best].runnable) best = cpu;
  }
  TINE_DEBUG_ASSERT(best != kMaxCpus);
  // Staying where the caches are warm is worth a short wait.
  bool worth_moving = is_new || !previous_allowed || is_idle(best);
  return worth_moving ? best : task.cpu;
}

void wake_up_new_task(Schedulable& child) {
  TINE_DEBUG_ASSERT(child.state == TaskState::newborn && !child.on_rq);
  arch::IrqState state = arch::irq_save();
  child.state.store(TaskState::running, std::memory_order_relaxed);
  enqueue_on(select_cpu(child, /*is_new=*/true), child, EnqueueReason::fork);
  arch::irq_restore(state);
  preempt_check();
}

}  // namespace tine::sched

namespace tine {

bool wake_up(sched::Schedulable& task, WakeMode mode) NO_THREAD_SAFETY_ANALYSIS {
  using namespace sched;
  // Whatever the caller changed before is visible to a task whose state does not match yet: that
  // one still has its barrier and its test before it (prepare_to_sleep).
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!state_matches(task.state.load(std::memory_order_relaxed), mode)) return false;

  arch::IrqState irq_state = arch::irq_save();
  RunQueue& rq = lock_run_queue_of(task);
  TaskState state = task.state.load(std::memory_order_relaxed);
  bool woken = state_matches(state, mode);
  bool move = false;
  if (woken) {
    task.state.store(TaskState::running, std::memory_order_relaxed);
    if (!task.on_rq) {
      if (state == TaskState::uninterruptible) --rq.uninterruptible;
      CpuId cpu = select_cpu(task, /*is_new=*/false);
      move = cpu != rq.cpu;
      if (!move) {
        update_current(rq, arch::monotonic_now());
        activate(rq, task, EnqueueReason::wake_up);
        check_preemption(rq, task);
      }
    }
  }
  rq.lock.unlock_irqs_off();
  if (move) [[unlikely]] {
    enqueue_on(select_cpu(task, false), task, EnqueueReason::wake_up);
  }
  arch::irq_restore(irq_state);
  preempt_check();
  return woken;
}

}  // namespace tine
