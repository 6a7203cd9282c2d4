// SPDX-License-Identifier: MIT
//
// de_thread: tells all other threads to die, waits until they are gone, and if the caller was not
// the leader, takes over the leader's number and place in the tree; the dead leader leaves with the
// caller's. For everybody outside the process has just gone on.
//
// The wait is killable: a fatal signal to the process ends the exec, whose caller is to die anyway.
#include "task/exec/de_thread.h"

#include <utility>

#include "task/exit/release.h"
#include "task/signal/internal.h"

namespace tine::exec {

namespace {

// Has all others told; returns with exec_waits_for as release.cpp counts it down.
Result<void> doom_other_threads(Task& task) {
  {
    IrqGuard guard(task.sighand->lock);
    SignalState& process = *task.signal;
    if (process.group_exiting || process.group_exec_task != nullptr) return Errno::again;
    process.group_exec_task = &task;
    signal::cancel_stop(process);
    // A leader is not released before us; its death is waited for by itself.
    process.exec_waits_for = process.thread_count - (task.is_thread_group_leader() ? 1 : 2);
    signal::announce(task);
  }
  signal::announce_to_rest(task);
  return {};
}

template <class Condition>
Result<void> sleep_until(Task& task, Condition&& condition) {
  Result<void> outcome;
  for (;;) {
    prepare_to_sleep(TaskState::killable);
    if (condition()) break;
    if (fatal_signal_pending(task)) {
      outcome = Errno::again;
      break;
    }
    sched::schedule();
  }
  finish_sleep();
  return outcome;
}

void end_wait(Task& task) {
  IrqGuard guard(task.sighand->lock);
  task.signal->group_exec_task = nullptr;
  task.signal->exec_waits_for = 0;
}

bool others_are_gone(Task& task) {
  IrqGuard guard(task.sighand->lock);
  return task.signal->exec_waits_for <= 0;
}

bool leader_is_dead(Task& task) {
  IrqGuard tree(task_tree_lock);
  IrqGuard guard(task.sighand->lock);
  task.signal->exec_waits_for = -1;  // exit_notify() of the leader wakes us
  return task.group_leader->exit_state == Task::ExitState::zombie;
}

void take_leaders_place(Task& task) {
  ReleasedTasks released;
  IrqGuard tree(task_tree_lock);
  Task& leader = *task.group_leader;
  SignalState& process = *task.signal;
  task.start_time = leader.start_time;
  std::swap(task.pid, leader.pid);
  leader.thread_number = task.thread_number;
  task.thread_number = task.tgid();
  task.pid->attach_task(task);
  leader.pid->attach_task(leader);

  auto& siblings = leader.parent->children;
  siblings.insert(siblings.iterator_to(leader), task);
  siblings.erase(siblings.iterator_to(leader));
  {
    IrqGuard guard(task.sighand->lock);
    process.threads.erase(process.threads.iterator_to(task));
    process.threads.push_front(task);
  }
  task.group_leader = leader.group_leader = &task;
  task.exit_signal = signal::kSigChld;
  leader.exit_signal = -1;
  leader.exit_state = Task::ExitState::dead;
  released.unlink(leader);
}

}  // namespace

Result<void> de_thread(Task& task) {
  if (task.signal->thread_count > 1) {
    TRY(doom_other_threads(task));
    Result<void> outcome = sleep_until(task, [&task] { return others_are_gone(task); });
    if (outcome && !task.is_thread_group_leader()) {
      outcome = sleep_until(task, [&task] { return leader_is_dead(task); });
      if (outcome) take_leaders_place(task);
    }
    end_wait(task);
    TRY(outcome);
  }
  task.exit_signal = signal::kSigChld;
  return {};
}

}  // namespace tine::exec
