// SPDX-License-Identifier: MIT
//
// Changing how a task is scheduled: nice, policy, priority, inherited priority; sched(7). A queued
// task is taken off its queue for the change and put back, under the queue's lock. Whether the caller
// may do it is checked by the system calls (syscall/sched.cpp).
//
// Deadline tasks are admitted while the sum of their shares stays below 95 % of the CPUs;
// `bandwidth_lock` guards the sum. Fails with EINVAL, and for them with EBUSY and EPERM.
#include <algorithm>
#include <bit>

#include "arch/clock.h"
#include "core/panic.h"
#include "sched/run_queue.h"
#include "sched/stop.h"

namespace tine::sched {
namespace {

constexpr uint32_t kIdlePolicyWeight = 3;
constexpr unsigned kShareShift = 20;  // 2^20 is one CPU
constexpr uint64_t kSharePerCpu = (uint64_t{95} << kShareShift) / 100;
constexpr Nanoseconds kShortestRuntime = 1024;
constexpr Nanoseconds kShortestPeriod = 100'000;
constexpr Nanoseconds kLongestPeriod = Nanoseconds{1} << 32;

constinit IrqSpinLock bandwidth_lock{LockRank::unranked};
uint64_t promised GUARDED_BY(bandwidth_lock) = 0;

uint64_t share_of(const DeadlineParameters& parameters) {
  if (parameters.period == 0) return 0;
  return (static_cast<uint64_t>(parameters.runtime) << kShareShift) /
         static_cast<uint64_t>(parameters.period);
}

bool is_valid(const DeadlineParameters& p) {
  return p.runtime >= kShortestRuntime && p.runtime <= p.deadline && p.deadline <= p.period &&
         p.period >= kShortestPeriod && p.period <= kLongestPeriod;
}

// Promises the task `wanted` instead of what it has.
Result<void> promise(uint64_t had, uint64_t wanted) {
  IrqGuard guard(bandwidth_lock);
  uint64_t sum = promised - had + wanted;
  if (wanted > had && sum > kSharePerCpu * cpu_count()) return Errno::busy;
  promised = sum;
  return {};
}

// Calls change() while the task is in no container, and puts it back where its new class wants it.
template <class Change>
void change_parameters(Schedulable& task, Change&& change) {
  arch::IrqState state = arch::irq_save();
  RunQueue& rq = lock_run_queue_of(task);
  rq.lock.assert_held();
  update_current(rq, arch::monotonic_now());
  bool queued = task.on_rq;
  if (queued) deactivate(rq, task);
  change();
  if (queued) {
    activate(rq, task, EnqueueReason::moved);
    if (rq.current == &task) {
      rq.running_prio.store(task.prio, std::memory_order_relaxed);
      reschedule(rq);  // somebody else may be the better one now
    } else {
      check_preemption(rq, task, EnqueueReason::moved);
    }
  }
  unlock(rq);
  arch::irq_restore(state);
  preempt_check();
}

// The class goes by the priority that counts, which may be inherited.
void choose_class(Schedulable& task) {
  if (task.sched_class == &stop_class) return;  // for good
  task.prio = std::min(task.normal_prio, task.boost);
  task.sched_class = task.policy == kPolicyDeadline ? &deadline_class
                     : task.prio < 100              ? &realtime_class
                                                    : &fair_class;
}

// What is not said keeps its value, or gets its default.
Parameters completed(const Schedulable& task, Parameters wanted) {
  DeadlineParameters& deadline = wanted.deadline;
  if (wanted.policy != kPolicyDeadline) deadline = {};
  if (deadline.period == 0) deadline.period = deadline.deadline;
  wanted.nice = is_fair_policy(wanted.policy) ? std::clamp(wanted.nice, -20, 19) : nice_of(task);
  return wanted;
}

// Admission is for the machine as a whole, so a deadline task has to be free to move in it.
bool may_use_all_cpus(const Schedulable& task) {
  CpuId cpu = 0;
  while (cpu < cpu_count() && may_run_on(task, cpu)) ++cpu;
  return cpu == cpu_count();
}

// Under the lock of the task's run queue: what it has been promised and what it has change together.
Result<void> admit(const Schedulable& task, const Parameters& wanted) {
  if (task.has_given_up) return {};
  if (wanted.policy == kPolicyDeadline && !may_use_all_cpus(task)) return Errno::perm;
  return promise(share_of(task.deadline), share_of(wanted.deadline));
}

// What a task is owed stays the same amount of real time.
void set_weight(Schedulable& task, uint32_t weight) {
  task.lag = task.lag * task.weight / weight;
  task.weight = weight;
}

}  // namespace

void apply_policy(Schedulable& task, int policy, int rt_priority, int nice) {
  task.policy = policy;
  task.rt_priority = rt_priority;
  task.static_prio = 120 + nice;
  task.normal_prio = policy == kPolicyDeadline    ? -1
                     : is_realtime_policy(policy) ? 99 - rt_priority
                                                  : 120 + nice;
  set_weight(task, policy == kPolicyIdle ? kIdlePolicyWeight : weight_of_nice(nice));
  choose_class(task);
}

void set_nice(Schedulable& task, int nice) {
  nice = std::clamp(nice, -20, 19);
  change_parameters(task, [&] { apply_policy(task, task.policy, task.rt_priority, nice); });
}

Result<void> validate(const Parameters& wanted) {
  bool realtime = is_realtime_policy(wanted.policy);
  int lowest = realtime ? 1 : 0;
  int highest = realtime ? 99 : 0;
  if (wanted.rt_priority < lowest || wanted.rt_priority > highest) return Errno::inval;
  if (realtime || is_fair_policy(wanted.policy)) return {};
  if (wanted.policy != kPolicyDeadline) return Errno::inval;
  DeadlineParameters deadline = wanted.deadline;
  if (deadline.period == 0) deadline.period = deadline.deadline;
  return is_valid(deadline) ? Result<void>() : Errno::inval;
}

Result<void> set_parameters(Schedulable& task, const Parameters& parameters) {
  TRY(validate(parameters));
  Result<void> outcome;
  change_parameters(task, [&] {
    const Parameters wanted = completed(task, parameters);
    outcome = admit(task, wanted);
    if (!outcome) return;
    bool was_deadline = task.policy == kPolicyDeadline;
    task.deadline = wanted.deadline;
    apply_policy(task, wanted.policy, wanted.rt_priority, wanted.nice);
    task.reset_on_fork = wanted.reset_on_fork;
    if (was_deadline || wanted.policy == kPolicyDeadline) {
      task.is_throttled = false;
      task.deadline_at = 0;
      task.slice_left = 0;
    }
  });
  return outcome;
}

void set_inherited_priority(Schedulable& task, int prio) {
  if (task.boost == prio) return;
  change_parameters(task, [&] {
    task.boost = prio;
    choose_class(task);
  });
}

void make_stop_task(Schedulable& task) {
  TINE_DEBUG_ASSERT(std::has_single_bit(uint64_t{task.cpus_allowed}));
  change_parameters(task, [&] {
    run_queues[task.cpu].stop = &task;
    task.sched_class = &stop_class;
    task.prio = kStopPrio;
  });
}

void give_up_bandwidth(Schedulable& task) {
  if (task.policy == kPolicyDeadline) (void)promise(share_of(task.deadline), 0);
  task.has_given_up = true;
}

DeadlineParameters deadline_of(const Schedulable& task) {
  arch::IrqState state = arch::irq_save();
  RunQueue& rq = lock_run_queue_of(task);
  rq.lock.assert_held();
  const DeadlineParameters parameters = task.deadline;
  unlock(rq);
  arch::irq_restore(state);
  return parameters;
}

}  // namespace tine::sched
