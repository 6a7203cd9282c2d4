// SPDX-License-Identifier: MIT
//
// A thread's signal mask: setting it, for good or for the length of one call, and what follows from
// it: whether something is deliverable, and who takes the process's signals that we now block.
#include "task/signal/internal.h"

namespace tine::signal {

void recalculate_pending(Task& task) {
  const SigSet pending = task.pending.set | task.signal->shared_pending.set;
  const bool is_due = (pending & (~task.blocked | task.waits_for)) || is_stop_due(task) ||
                      task.signal->group_exiting || fatal_signal_pending(task);
  if (is_due) {
    task.work.fetch_or(sched::kWorkSignal);
  } else if (&task == &current() && signal_pending(task)) {
    task.work.fetch_and(~uint32_t{sched::kWorkSignal});
  }
}

namespace {

// The process's pending signals that `task` blocks from now on go to threads that do not.
void retarget_shared(Task& task, SigSet newly_blocked) {
  SigSet homeless = task.signal->shared_pending.set & newly_blocked;
  if (homeless == 0) return;
  for (Task& thread : task.signal->threads) {
    if (&thread == &task || (thread.flags & kPfExiting)) continue;
    const SigSet taken = homeless & ~thread.blocked;
    if (taken == 0) continue;
    homeless &= ~taken;
    if (!signal_pending(thread)) wake_for_signal(thread, false);
    if (homeless == 0) break;
  }
}

void set_blocked_under_lock(Task& task, SigSet mask) {
  mask &= ~kUncatchable;
  if (signal_pending(task) && task.signal->thread_count > 1) {
    retarget_shared(task, mask & ~task.blocked);
  }
  task.blocked = mask;
  recalculate_pending(task);
}

}  // namespace

void set_blocked(SigSet mask) {
  Task& task = current();
  if (mask == task.blocked) return;  // only the task itself writes it
  IrqGuard guard(task.sighand->lock);
  set_blocked_under_lock(task, mask);
}

void set_temporary_mask(SigSet mask) {
  Task& task = current();
  task.saved_blocked = task.blocked;
  task.work.fetch_or(sched::kWorkRestoreMask);
  set_blocked(mask);
}

void restore_saved_mask() {
  Task& task = current();
  const uint32_t before = task.work.fetch_and(~uint32_t{sched::kWorkRestoreMask});
  if (before & sched::kWorkRestoreMask) set_blocked(task.saved_blocked);
}

bool is_ignored_or_blocked(const Task& task, int number) {
  IrqGuard guard(task.sighand->lock);
  return (task.blocked & bit(number)) || task.sighand->handler(number) == kIgnoreHandler;
}

void retarget_at_exit(Task& task) { retarget_shared(task, ~task.blocked); }

}  // namespace tine::signal
