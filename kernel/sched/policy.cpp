// SPDX-License-Identifier: MIT
//
// Changing how a task is scheduled: nice, policy, priority, affinity; sched(7). A queued task is
// taken off its queue for the change and put back, under the queue's lock. Whether the caller may
// do it is checked by the system calls (syscall/sched.cpp). Fails with EINVAL only.
#include <algorithm>

#include "arch/clock.h"
#include "sched/run_queue.h"

namespace tine::sched {
namespace {

constexpr uint32_t kIdlePolicyWeight = 3;

// Calls change() while the task is in no container, and puts it back where its new class wants it.
template <class Change>
void change_parameters(Schedulable& task, Change&& change) NO_THREAD_SAFETY_ANALYSIS {
  arch::IrqState state = arch::irq_save();
  RunQueue& rq = lock_run_queue_of(task);
  update_current(rq, arch::monotonic_now());
  bool queued = task.on_rq;
  if (queued) deactivate(rq, task);
  change();
  if (queued) {
    activate(rq, task, EnqueueReason::moved);
    if (rq.current == &task) {
      reschedule(rq);  // somebody else may be the better one now
    } else {
      check_preemption(rq, task);
    }
  }
  rq.lock.unlock_irqs_off();
  arch::irq_restore(state);
  preempt_check();
}

// A task whose CPU has become forbidden leaves it: it looks for another the next time it wakes, so
// it has to sleep for a moment if it is running. With one CPU this never happens.
void leave_forbidden_cpu(Schedulable& task) NO_THREAD_SAFETY_ANALYSIS {
  arch::IrqState state = arch::irq_save();
  RunQueue& rq = lock_run_queue_of(task);
  bool waits = task.on_rq && rq.current != &task && !(task.cpus_allowed >> task.cpu & 1);
  CpuId target = 0;
  if (waits) {
    deactivate(rq, task);
    target = select_cpu(task, /*is_new=*/true);
    task.vruntime += run_queues[target].fair.min_vruntime - rq.fair.min_vruntime;
    task.cpu = target;
  }
  rq.lock.unlock_irqs_off();
  if (waits) {
    RunQueue& new_rq = run_queues[target];
    new_rq.lock.lock_irqs_off();
    activate(new_rq, task, EnqueueReason::moved);
    check_preemption(new_rq, task);
    new_rq.lock.unlock_irqs_off();
  }
  arch::irq_restore(state);
}

}  // namespace

void apply_policy(Schedulable& task, int policy, int rt_priority, int nice) {
  task.policy = policy;
  task.rt_priority = rt_priority;
  task.static_prio = 120 + nice;
  if (is_realtime_policy(policy)) {
    task.sched_class = &realtime_class;
    task.normal_prio = 99 - rt_priority;
  } else {
    task.sched_class = &fair_class;
    task.normal_prio = task.static_prio;
  }
  task.prio = task.normal_prio;
  task.weight = policy == kPolicyIdle ? kIdlePolicyWeight : weight_of_nice(nice);
}

void set_nice(Schedulable& task, int nice) {
  nice = std::clamp(nice, -20, 19);
  change_parameters(task, [&] { apply_policy(task, task.policy, task.rt_priority, nice); });
}

Result<void> set_parameters(Schedulable& task, const Parameters& parameters) {
  bool realtime = is_realtime_policy(parameters.policy);
  bool fair = parameters.policy == kPolicyNormal || parameters.policy == kPolicyBatch ||
              parameters.policy == kPolicyIdle;
  if (!realtime && !fair) return Errno::inval;
  int lowest = realtime ? 1 : 0;
  int highest = realtime ? 99 : 0;
  if (parameters.rt_priority < lowest || parameters.rt_priority > highest) return Errno::inval;
  change_parameters(task, [&] {
    apply_policy(task, parameters.policy, parameters.rt_priority,
                 std::clamp(parameters.nice, -20, 19));
    task.reset_on_fork = parameters.reset_on_fork;
  });
  return {};
}

Result<void> set_affinity(Schedulable& task, uint64_t cpus) {
  CpuId count = cpu_count();
  uint64_t online = count == 64 ? ~0ull : (1ull << count) - 1;
  if ((cpus & online) == 0) return Errno::inval;
  change_parameters(task, [&] { task.cpus_allowed = cpus; });
  leave_forbidden_cpu(task);
  return {};
}

}  // namespace tine::sched
