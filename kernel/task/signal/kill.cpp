// SPDX-License-Identifier: MIT
//
// kill(2) and its kin: finding the receivers and checking permission, under task_tree_lock.
#include "task/signal/kill.h"

#include "task/namespace/namespaces.h"
#include "task/pid/process_group.h"
#include "task/signal/broadcast.h"
#include "task/signal/internal.h"

namespace tine::signal {

namespace {

// Whether the sender may send it anything at all.
bool may_signal_anything(const Task& sender, Task& task) {
  if (task.signal.get() == sender.signal.get()) return true;
  const Creds& mine = sender.creds();
  const Ref<const Creds> theirs = creds_of(task);
  if (mine.euid == theirs->suid || mine.euid == theirs->uid || mine.uid == theirs->suid ||
      mine.uid == theirs->uid) {
    return true;
  }
  return &sender == &current() ? capable(kCapKill) : has_capability(mine, kCapKill);
}

// kill(pid, 0) asks whether the process exists. Nothing is sent, so no lock is needed.
Result<void> ask(int pid) {
  const Ref<Task> task = find_task(pid);
  if (!task) return Errno::srch;
  return may_signal_anything(current(), *task) ? Result<void>() : Errno::perm;
}

// The caller's group for 0, all for -1.
Result<void> kill_many(int pid, int number, const SigInfo& info) {
  Ref<Pid> group;
  if (pid < -1) group = find_pid(-pid);
  if (pid == 0) group = own_process_group();
  if (!group && pid != -1) return Errno::srch;
  return Broadcast(group.get(), number, &info, &current()).send();
}

}  // namespace

bool may_signal(const Task& sender, Task& task, int number) {
  return may_signal_anything(sender, task) ||
         (number == kSigCont && task.signal->session == sender.signal->session);
}

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
  if (pid <= 0) return kill_many(pid, number, info);
  if (number == 0) return ask(pid);
  IrqGuard tree(task_tree_lock);
  Task* task = find_task_locked(pid);
  if (task == nullptr) return Errno::srch;
  if (!may_signal(current(), *task, number)) return Errno::perm;
  return send_to_process_locked(*task, number, &info);
}

Result<void> kill_thread(int tgid, int tid, int number, const SigInfo& info) {
  if (number < 0 || number > kSignalCount || tid <= 0) return Errno::inval;
  IrqGuard tree(task_tree_lock);
  Task* task = find_task_locked(tid);
  if (task == nullptr || (tgid != 0 && task->tgid() != tgid)) return Errno::srch;
  if (!may_signal(current(), *task, number)) return Errno::perm;
  return send_to_task_locked(*task, number, &info);
}

Result<void> kill_pid(Pid& pid, int number, const SigInfo& info, bool is_thread) {
  if (number < 0 || number > kSignalCount) return Errno::inval;
  IrqGuard tree(task_tree_lock);
  Task* task = pid.task;
  if (task == nullptr) return Errno::srch;
  if (!may_signal(current(), *task, number)) return Errno::perm;
  return is_thread ? send_to_task_locked(*task, number, &info)
                   : send_to_process_locked(*task, number, &info);
}

}  // namespace tine::signal
