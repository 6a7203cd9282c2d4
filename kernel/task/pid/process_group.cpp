// SPDX-License-Identifier: MIT
//
// Process groups and sessions: setpgid(2) and setsid(2) with POSIX's rules, orphaned groups, and
// what a session is told when its terminal goes.
#include "task/pid/process_group.h"

#include <optional>
#include <utility>

#include "fs/tty/terminal.h"
#include "task/boot_tasks.h"
#include "task/namespace/namespaces.h"
#include "task/signal/broadcast.h"
#include "task/signal_state.h"

namespace tine {

namespace {

bool has_exited(Task& leader) REQUIRES(task_tree_lock) {
  return leader.exit_state != Task::ExitState::alive && leader.signal->thread_count == 1;
}

// True if the group would be orphaned without `ignored`'s ties.
bool is_orphaned_without(Pid& group, const Task* ignored) REQUIRES(task_tree_lock) {
  for (GroupMember& member : group.group_members) {
    Task& leader = static_cast<SignalState&>(member).leader();
    if (&leader == ignored || has_exited(leader)) continue;
    Task& parent = *leader.real_parent;
    if (parent.signal.get() == &init_process()) continue;  // init continues nobody
    const SignalState& above = *parent.signal;
    if (above.process_group.get() != &group && above.session == leader.signal->session)
      return false;
  }
  return true;
}

// A group is in one session, whole.
bool is_in_session(Pid& group, const Pid& session) REQUIRES(task_tree_lock) {
  if (group.group_members.empty()) return false;
  return static_cast<SignalState&>(group.group_members.front()).session.get() == &session;
}

bool has_stopped_member(Pid& group) REQUIRES(task_tree_lock) {
  for (GroupMember& member : group.group_members) {
    if (static_cast<SignalState&>(member).group_stopped) return true;
  }
  return false;
}

}  // namespace

Ref<Pid> own_process_group() {
  IrqGuard tree(task_tree_lock);
  return current().signal->process_group;
}

bool is_orphaned_process_group(Pid& group) {
  IrqGuard tree(task_tree_lock);
  return is_orphaned_without(group, nullptr);
}

void hang_up_orphaned_group_locked(Task& leaving, Task* parent) {
  // At its own exit the task's ties count no more; at its parent's exit the parent is gone already.
  const Task* ignored = parent == nullptr ? &leaving : nullptr;
  if (parent == nullptr) parent = leaving.real_parent;
  const SignalState& process = *leaving.signal;
  Pid& group = *process.process_group;
  if (parent->signal->process_group.get() == &group) return;
  if (!(parent->signal->session == process.session)) return;
  if (!has_stopped_member(group) || !is_orphaned_without(group, ignored)) return;
  signal::send_to_group_locked(group, signal::kSigHup, nullptr);
  signal::send_to_group_locked(group, signal::kSigCont, nullptr);
}

bool is_group_in_session(Pid& group, Pid& session) {
  IrqGuard tree(task_tree_lock);
  return is_in_session(group, session);
}

void signal_session_leader(Pid& session, int number) {
  IrqGuard tree(task_tree_lock);
  Task* leader = session.task;
  if (leader == nullptr || !leader->signal->is_session_leader) return;
  (void)signal::send_to_process_locked(*leader, number, nullptr);
  (void)signal::send_to_process_locked(*leader, signal::kSigCont, nullptr);
}

void forget_terminal_of_session(Pid& session) {
  for (;;) {
    Ref<tty::Terminal> dropped;  // outside of the lock: the last reference destroys the terminal
    IrqGuard tree(task_tree_lock);
    for (GroupMember& member : session.session_members) {
      auto& process = static_cast<SignalState&>(member);
      if (process.terminal) {
        dropped = std::move(process.terminal);
        break;
      }
    }
    if (!dropped) return;
  }
}

namespace {

// The process that setpgid(2) moves: the caller or a child of its session that has not exec'd.
Result<Task*> process_to_move(int pid) REQUIRES(task_tree_lock) {
  Task& caller = *current().group_leader;
  Task* task = pid == 0 ? &caller : find_task_locked(pid);
  if (task == nullptr) return Errno::srch;
  if (!task->is_thread_group_leader()) return Errno::inval;
  if (task->real_parent->signal.get() == caller.signal.get()) {
    if (!(task->signal->session == caller.signal->session)) return Errno::perm;
    if (!(task->flags & kPfForkNoExec)) return Errno::acces;
  } else if (task != &caller) {
    return Errno::srch;
  }
  if (task->signal->is_session_leader) return Errno::perm;
  return task;
}

// A signal on its way to the group is to find its members there: then nothing is done.
bool leave_group(SignalState& process) REQUIRES(task_tree_lock) {
  if (signal::is_on_its_way_to(*process.process_group)) return false;
  process.process_group->detach_from_group(process);
  return true;
}

// Nothing: it cannot be done now.
std::optional<Result<void>> try_set_process_group(int pid, int group) {
  Ref<Pid> old;
  IrqGuard tree(task_tree_lock);
  const Result<Task*> task = process_to_move(pid);
  if (!task) return task.error();
  SignalState& process = *(*task)->signal;
  Ref<Pid> target = (*task)->pid;
  if (group != 0) target = find_pid(group);
  // Of other groups only one of the caller's session can be joined.
  if (!(target == (*task)->pid) && (!target || !is_in_session(*target, *current().signal->session)))
    return Errno::perm;
  if (target == process.process_group) return Result<void>();
  if (!leave_group(process)) return {};
  old = std::exchange(process.process_group, target);
  target->attach_to_group(process, nullptr);
  return Result<void>();
}

std::optional<Result<int>> try_make_session() {
  Ref<tty::Terminal> terminal;
  Ref<Pid> old_group, old_session;  // dropped after the lock
  IrqGuard tree(task_tree_lock);
  Task& leader = *current().group_leader;
  SignalState& process = *leader.signal;
  // The number must not name a group already: its members would be in two sessions.
  if (process.is_session_leader || !leader.pid->group_members.empty()) return Errno::perm;
  if (!leave_group(process)) return {};
  process.is_session_leader = true;
  terminal = std::move(process.terminal);
  old_group = std::exchange(process.process_group, leader.pid);
  old_session = std::exchange(process.session, leader.pid);
  old_session->detach_from_session(process);
  leader.pid->attach_to_group(process, nullptr);
  leader.pid->attach_to_session(process);
  return leader.pid->number_in(*current().namespaces->pid_for_children);
}

}  // namespace

Result<void> set_process_group(int pid, int group) {
  if (group < 0) return Errno::inval;
  for (;;) {
    if (const auto done = try_set_process_group(pid, group)) return *done;
    signal::help_broadcasts();
  }
}

Result<int> make_session() {
  for (;;) {
    if (const auto done = try_make_session()) return *done;
    signal::help_broadcasts();
  }
}

}  // namespace tine
