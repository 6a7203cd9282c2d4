// SPDX-License-Identifier: MIT
//
// kill(2) and its kin: finding the receivers and checking permission, all under task_tree_lock, so
// that a fork under way is either seen with its child or starts again after the signal (G5).
#include "task/signal/kill.h"

#include "task/namespace/namespaces.h"
#include "task/signal/internal.h"

namespace tine::signal {

namespace {

// Whether the caller may send it anything at all.
bool may_signal_anything(Task& task) {
  const Task& caller = current();
  if (task.signal.get() == caller.signal.get()) return true;
  const Creds& mine = caller.creds();
  const Ref<const Creds> theirs = creds_of(task);
  return mine.euid == theirs->suid || mine.euid == theirs->uid || mine.uid == theirs->suid ||
         mine.uid == theirs->uid || capable(kCapKill);
}

bool may_signal(Task& task, int number) REQUIRES(task_tree_lock) {
  return may_signal_anything(task) ||
         (number == kSigCont && task.signal->session == current().signal->session);
}

// kill(pid, 0) asks whether the process exists. Nothing is sent, so no lock is needed.
Result<void> ask(int pid) {
  const Ref<Task> task = find_task(pid);
  if (!task) return Errno::srch;
  return may_signal_anything(*task) ? Result<void>() : Errno::perm;
}

Result<void> send_checked(Task& task, int number, const SigInfo& info, Reach reach)
    REQUIRES(task_tree_lock) {
  if (!may_signal(task, number)) return Errno::perm;
  return send_to_process_locked(task, number, &info, reach);
}

// Success if one member got it; otherwise the last error.
Result<void> kill_group(Pid* group, int number, const SigInfo& info) REQUIRES(task_tree_lock) {
  if (group == nullptr) return Errno::srch;
  bool succeeded = false;
  Result<void> last = Errno::srch;
  for (GroupMember& member : group->group_members) {
    last = send_checked(static_cast<SignalState&>(member).leader(), number, info, Reach::group);
    succeeded |= last.has_value();
  }
  return succeeded ? Result<void>() : last;
}

// Everything but init and the caller's own process.
Result<void> kill_all(int number, const SigInfo& info) REQUIRES(task_tree_lock) {
  PidNamespace& space = *current().namespaces->pid_for_children;
  bool found_any = false;
  Result<void> outcome;
  for (Ref<Pid> pid = space.find_at_or_after(2); pid;
       pid = space.find_at_or_after(pid->number_in(space) + 1)) {
    Task* task = pid->task;
    if (task == nullptr || !task->is_thread_group_leader()) continue;
    if (task->signal.get() == current().signal.get()) continue;
    found_any = true;
    const Result<void> sent = send_checked(*task, number, info, Reach::group);
    if (!sent && sent.error() != Errno::perm) outcome = sent;
  }
  return found_any ? outcome : Result<void>(Errno::srch);
}

}  // namespace

SigInfo info_of_sender(int number, int code) {
  const Task& caller = current();
  SigInfo info{.number = number, .code = code};
  info.sender.pid = caller.group_leader->pid->number_in(*caller.namespaces->pid_for_children);
  info.sender.uid = caller.creds().uid.value;
  return info;
}

Result<void> kill(int pid, int number, const SigInfo& info) {
  if (number < 0 || number > kSignalCount) return Errno::inval;
  if (pid == INT32_MIN) return Errno::srch;
  if (pid > 0 && number == 0) return ask(pid);
  Ref<Pid> group;  // released after the lock
  if (pid < -1) group = find_pid(-pid);
  IrqGuard tree(task_tree_lock);
  if (pid == -1) return kill_all(number, info);
  if (pid == 0) return kill_group(current().signal->process_group.get(), number, info);
  if (pid < 0) return kill_group(group.get(), number, info);
  Task* task = find_task_locked(pid);
  if (task == nullptr) return Errno::srch;
  return send_checked(*task, number, info, Reach::process);
}

Result<void> kill_thread(int tgid, int tid, int number, const SigInfo& info) {
  if (number < 0 || number > kSignalCount || tid <= 0) return Errno::inval;
  IrqGuard tree(task_tree_lock);
  Task* task = find_task_locked(tid);
  if (task == nullptr || (tgid != 0 && task->tgid() != tgid)) return Errno::srch;
  if (!may_signal(*task, number)) return Errno::perm;
  return send_to_task_locked(*task, number, &info);
}

Result<void> kill_pid(Pid& pid, int number, const SigInfo& info, bool is_thread) {
  if (number < 0 || number > kSignalCount) return Errno::inval;
  IrqGuard tree(task_tree_lock);
  Task* task = pid.task;
  if (task == nullptr) return Errno::srch;
  if (!may_signal(*task, number)) return Errno::perm;
  return is_thread ? send_to_task_locked(*task, number, &info)
                   : send_to_process_locked(*task, number, &info);
}

}  // namespace tine::signal
