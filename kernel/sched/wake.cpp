// SPDX-License-Identifier: MIT
//
// Making tasks runnable: wake-ups, and the first wake-up of a forked task.
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

bool state_matches(TaskState state, WakeMode mode) {
  return static_cast<uint16_t>(state) & static_cast<uint16_t>(mode);
}

// A CPU's counts are its own, with interrupts off.
void count_wake_up(CpuId target) {
  RunQueue& here = this_run_queue();
  ++here.statistics.wake_ups;
  here.statistics.local_wake_ups += here.cpu == target;
}

// With the run queue locked and its clock read: E90, E91, E93.
void make_runnable(RunQueue& rq, Schedulable& task, EnqueueReason reason) REQUIRES(rq.lock) {
  task.waits_since = rq.now;
  activate(rq, task, reason);
  check_preemption(rq, task, reason);
}

}  // namespace

void enqueue_where_assigned(Schedulable& task, EnqueueReason reason) {
  for (;;) {
    RunQueue& rq = lock_run_queue_of(task);
    rq.lock.assert_held();
    if (!may_run_on(task, rq.cpu)) [[unlikely]] {  // forbidden a moment ago
      task.cpu = select_cpu(task, Placement::forbidden);
      unlock(rq);
      continue;
    }
    update_current(rq, arch::monotonic_now());
    make_runnable(rq, task, reason);
    unlock(rq);
    return;
  }
}

RunQueue& lock_run_queue_of(const Schedulable& task) {
  for (;;) {
    CpuId cpu = task.cpu;
    RunQueue& rq = run_queues[cpu];
    rq.lock.lock_irqs_off();
    if (task.cpu == cpu) [[likely]]
      return rq;
    unlock(rq);
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

void wake_up_new_task(Schedulable& child) {
  TINE_DEBUG_ASSERT(child.state == TaskState::newborn && !child.on_rq);
  arch::IrqState state = arch::irq_save();
  RunQueue& rq = lock_run_queue_of(child);  // others know the child, and may change its class
  rq.lock.assert_held();
  child.state.store(TaskState::running, std::memory_order_relaxed);
  const CpuId cpu = select_cpu(child, Placement::fork);
  const bool moves = cpu != rq.cpu;
  if (moves) {
    child.cpu = cpu;
  } else {
    update_current(rq, arch::monotonic_now());
    make_runnable(rq, child, EnqueueReason::fork);
  }
  unlock(rq);
  if (moves) enqueue_where_assigned(child, EnqueueReason::fork);
  arch::irq_restore(state);
  preempt_check();
}

}  // namespace tine::sched

namespace tine {

bool wake_up(sched::Schedulable& task, WakeMode mode) {
  using namespace sched;
  // Whatever the caller changed before is visible to a task whose state does not match yet: that
  // one still has its barrier and its test before it (prepare_to_sleep).
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!state_matches(task.state.load(std::memory_order_relaxed), mode)) return false;

  arch::IrqState irq_state = arch::irq_save();
  RunQueue& rq = lock_run_queue_of(task);
  rq.lock.assert_held();
  TaskState state = task.state.load(std::memory_order_relaxed);
  bool woken = state_matches(state, mode);
  bool move = false;
  if (woken) {
    task.state.store(TaskState::running, std::memory_order_relaxed);
    if (!task.on_rq) {
      if (counts_as_blocked(task, state)) --rq.blocked;
      CpuId cpu = select_cpu(task, Placement::wake_up);
      count_wake_up(cpu);
      move = cpu != rq.cpu;
      if (!move) {
        update_current(rq, arch::monotonic_now());
        make_runnable(rq, task, EnqueueReason::wake_up);
      } else {
        ++task.migrations;
        task.cpu = cpu;
      }
    }
  }
  unlock(rq);
  if (move) [[unlikely]] enqueue_where_assigned(task, EnqueueReason::wake_up);
  arch::irq_restore(irq_state);
  preempt_check();
  return woken;
}

}  // namespace tine
