// SPDX-License-Identifier: MIT
//
// Which CPUs a task may use (sched_setaffinity(2)), and moving it off the others: at once if it
// waits, by the stop task of its CPU if it runs. Where there is no stop task yet, early in boot, a
// running task stays until it sleeps. Also the move at exec, when a task has least in the caches.
//
// Fails with EINVAL (no CPU of the set runs) and EBUSY (a deadline task is promised all CPUs).
#include <bit>

#include "arch/clock.h"
#include "sched/run_queue.h"
#include "sched/stop.h"

namespace tine::sched {
namespace {

struct Move {
  Schedulable& task;
  uint64_t wanted;  // it may stay on these
};

enum class MoveOutcome : uint8_t { done, runs };

// Moves the task if it waits on a CPU that it is to leave. Not at all if it runs.
MoveOutcome try_move(const Move& move, CpuId& cpu) {
  Schedulable& task = move.task;
  arch::IrqState state = arch::irq_save();
  RunQueue& rq = lock_run_queue_of(task);
  rq.lock.assert_held();
  cpu = rq.cpu;
  bool must_leave = task.on_rq && !(move.wanted & task.cpus_allowed & (1ull << rq.cpu));
  bool runs = must_leave && rq.current == &task;
  bool waits = must_leave && !runs;
  if (waits) {
    update_current(rq, arch::monotonic_now());
    deactivate(rq, task);
    ++task.migrations;
    uint64_t choice = move.wanted & task.cpus_allowed & all_cpus();
    task.cpu = std::has_single_bit(choice) ? static_cast<CpuId>(std::countr_zero(choice))
                                           : select_cpu(task, Placement::forbidden);
  }
  unlock(rq);
  if (waits) enqueue_where_assigned(task, EnqueueReason::moved);
  arch::irq_restore(state);
  return runs ? MoveOutcome::runs : MoveOutcome::done;
}

void move_stopped(void* argument) {
  CpuId cpu;
  (void)try_move(*static_cast<Move*>(argument), cpu);
}

void leave_other_cpus(Schedulable& task, uint64_t wanted) {
  Move move{task, wanted};
  CpuId cpu;
  while (try_move(move, cpu) == MoveOutcome::runs) {
    if (!stop_cpu(cpu, move_stopped, &move)) return;
  }
}

}  // namespace

Result<void> set_affinity(Schedulable& task, uint64_t cpus) {
  uint64_t online = all_cpus();
  if ((cpus & online) == 0) return Errno::inval;
  arch::IrqState state = arch::irq_save();
  RunQueue& rq = lock_run_queue_of(task);
  rq.lock.assert_held();
  bool refused = task.policy == kPolicyDeadline && (cpus & online) != online;
  if (!refused) task.cpus_allowed = cpus;
  unlock(rq);
  arch::irq_restore(state);
  if (refused) return Errno::busy;
  leave_other_cpus(task, ~0ull);
  return {};
}

void balance_at_exec() {
  if (cpu_count() == 1) [[likely]]
    return;
  Schedulable& self = *arch::current_schedulable();
  if (run_queues[self.cpu].runnable < 2) return;
  CpuId target = select_cpu(self, Placement::fork);
  if (target != self.cpu && run_queues[target].runnable == 0) {
    leave_other_cpus(self, 1ull << target);
  }
}

}  // namespace tine::sched
