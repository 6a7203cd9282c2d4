// SPDX-License-Identifier: MIT
//
// release_task: a dead task leaves the tree. After that nobody finds it any more; it is freed with
// the last reference, usually the scheduler's.
#include "task/exit/release.h"

#include "task/exit/notify_parent.h"
#include "task/signal/broadcast.h"
#include "task/signal/internal.h"
#include "task/wait/wait.h"

namespace tine {

namespace {

// The thread leaves its process; its accounting stays there.
void leave_process(Task& task) REQUIRES(task_tree_lock) {
  SignalState& process = *task.signal;
  IrqGuard guard(task.sighand->lock);
  signal::leave_announcement(task);
  process.threads.erase(process.threads.iterator_to(task));
  --process.thread_count;
  process.dead_threads.add(usage_of_thread(task));
  signal::discard_all(task.pending);
  if (process.thread_count == 0) signal::discard_all(process.shared_pending);
  // A thread that exec's waits for all others to be gone (G10).
  if (process.exec_waits_for > 0 && --process.exec_waits_for == 0) {
    (void)wake_up(*process.group_exec_task);
  }
}

}  // namespace

void ReleasedTasks::unlink_one(Task& task) {
  if (task.is_thread_group_leader()) {
    SignalState& process = *task.signal;
    process.process_group->detach_from_group(process);
    process.session->detach_from_session(process);
    signal::leave_all_processes(process);
    task.parent->children.erase(task.parent->children.iterator_to(task));
  }
  task.real_parent = task.parent = nullptr;  // who may go now, and nobody tells us
  leave_process(task);
  task.pid->detach_task();
  task.pid->exit_waiters.wake_all();
  tasks_.push_back(task);
}

void ReleasedTasks::unlink(Task& task) {
  Task& leader = *task.group_leader;
  unlink_one(task);
  if (&leader == &task || leader.signal->thread_count != 1) return;
  if (leader.exit_state != Task::ExitState::zombie) return;
  leader.pid->exit_waiters.wake_all();
  if (!notify_parent_of_exit(leader, leader.exit_signal)) return;
  leader.exit_state = Task::ExitState::dead;
  unlink_one(leader);
}

ReleasedTasks::~ReleasedTasks() {
  while (!tasks_.empty()) {
    Task& task = tasks_.front();
    tasks_.pop_front();
    task.charge = {};  // the user may fork again from here on, even if the object lives a little
    task.ref_put();
  }
}

}  // namespace tine
