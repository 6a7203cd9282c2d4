// SPDX-License-Identifier: MIT
//
// The scheduler's part in fork and exit (CONTRACT E-5, B71). Until wake_up_new_task() the child is
// TaskState::newborn, on no run queue, and seen by nobody, so its fields need no lock; the caller's
// slice belongs to its run queue.
#include <algorithm>
#include <utility>

#include "arch/clock.h"
#include "core/panic.h"
#include "sched/run_queue.h"

namespace tine::sched {
namespace {

void reset_accounting(Schedulable& child) {
  child.on_rq = false;
  child.on_cpu.store(false, std::memory_order_relaxed);
  child.sum_exec_runtime = 0;
  child.exec_start = 0;
  child.user_time = child.system_time = 0;
  child.sampled_in_user_mode = true;
  child.voluntary_switches = child.involuntary_switches = 0;
  child.waits_since = child.wait_time = child.awake_since = 0;
  child.migrations = 0;
  child.first_wake_at = 0;
  child.turn_start = 0;
  child.load = {};
  child.load.updated = arch::monotonic_now();
  child.boost = kNoBoost;
  child.deadline = {};
  child.deadline_at = 0;
  child.is_throttled = child.is_early = false;
  child.mutex_ranks_held = 0;
}

// B71: forking makes no CPU time: the child gets half of what is left, rounded up.
void share_slice(Schedulable& child, Schedulable& caller) {
  arch::IrqState state = arch::irq_save();
  RunQueue& rq = lock_run_queue_of(caller);
  rq.lock.assert_held();
  Nanoseconds left = std::max<Nanoseconds>(caller.slice_left, 0);
  child.slice_left = (left + 1) / 2;
  caller.slice_left = left / 2;
  inherit_lag(rq, child, caller);
  if (caller.slice_left == 0 && rq.current == &caller && rq.runnable > 1) reschedule(rq);
  unlock(rq);
  arch::irq_restore(state);
}

// Dead since a while, or about to switch away for the last time.
void pay_for_dead(const Schedulable& child) {
  RunQueue& its = lock_run_queue_of(child);
  its.lock.assert_held();
  int64_t lag = 0;
  if (child.sched_class == &fair_class) lag = child.on_rq ? lag_of(its.fair, child) : child.lag;
  const Nanoseconds died = child.on_rq ? its.now : Nanoseconds{child.exec_start};
  unlock(its);

  RunQueue& rq = this_run_queue();
  rq.lock.lock_irqs_off();
  if (lag < 0 && rq.fair.count > 1 && rq.current->sched_class == &fair_class) {
    pay_for(rq, lag, child.weight, std::max<Nanoseconds>(rq.now - died, 0));
  }
  rq.lock.unlock_irqs_off();
}

}  // namespace

Result<void> sched_fork(Schedulable& child, Schedulable& caller) {
  child.state.store(TaskState::newborn, std::memory_order_relaxed);
  reset_accounting(child);
  child.cpu = caller.cpu.load();
  child.cpus_allowed = caller.cpus_allowed;
  child.io_priority = caller.io_priority;

  int policy = caller.policy;
  int rt_priority = caller.rt_priority;
  int nice = nice_of(caller);
  if (caller.reset_on_fork) {
    if (is_realtime_policy(policy) || policy == kPolicyDeadline) {
      policy = kPolicyNormal;
      rt_priority = 0;
      nice = 0;
    }
    nice = std::max(nice, 0);
  }
  child.reset_on_fork = false;
  if (policy == kPolicyDeadline) return Errno::again;
  apply_policy(child, policy, rt_priority, nice);
  share_slice(child, caller);
  return {};
}

// The slice goes back to whom it came from: the caller, since nobody else cancels a fork.
void sched_cancel_fork(Schedulable& child) {
  TINE_DEBUG_ASSERT(child.state == TaskState::newborn && !child.on_rq);
  Schedulable& caller = *arch::current_schedulable();
  arch::IrqState state = arch::irq_save();
  RunQueue& rq = lock_run_queue_of(caller);
  rq.lock.assert_held();
  caller.slice_left += child.slice_left;
  child.slice_left = 0;
  unlock(rq);
  arch::irq_restore(state);
}

// The run time is final now, as far as wait4(2) will see it.
void sched_exit(Schedulable& task) {
  TINE_DEBUG_ASSERT(&task == arch::current_schedulable());
  arch::IrqState state = arch::irq_save();
  RunQueue& rq = this_run_queue();
  rq.lock.lock_irqs_off();
  update_current(rq, arch::monotonic_now());
  give_up_bandwidth(task);
  rq.lock.unlock_irqs_off();
  arch::irq_restore(state);
}

// What a child ran ahead of its turn goes with it, unless somebody pays: a parent could have all its
// work done by children that end in time. Alone on the CPU nobody owes anything.
void sched_reap(const Schedulable& child) {
  if (this_run_queue().fair.count > 1) [[unlikely]]
    pay_for_dead(child);
}

}  // namespace tine::sched
