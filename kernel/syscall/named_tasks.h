// SPDX-License-Identifier: MIT
//
// The tasks that a system call names by number: one, a process group's, or a user's, as in
// getpriority(2) and ioprio_get(2). They are held by reference, or by task_tree_lock while act() runs.
#pragma once

#include "core/ref.h"
#include "core/result.h"
#include "task/cred/cred.h"
#include "task/pid/pid.h"
#include "task/signal_state.h"
#include "task/task.h"

namespace tine {

// 0 means the caller. EINVAL below that, ESRCH.
inline Result<Ref<Task>> find_target(int pid) {
  if (pid < 0) return Errno::inval;
  if (pid == 0) return Ref<Task>(current());
  Ref<Task> task = find_task(pid);
  if (!task) return Errno::srch;
  return task;
}

// Whether the caller may change how the task is scheduled without a capability.
inline bool caller_owns(const Task& task) {
  const KernelUid euid = current().creds().euid;
  const Ref<const Creds> theirs = creds_of(task);
  return euid == theirs->uid || euid == theirs->euid;
}

enum class NamedBy : int { process, group, user };  // PRIO_*; IOPRIO_WHO_* is one more

// Calls act(task) for every thread that `which` and `who` name, with task_tree_lock held. 0 is the
// caller, its group, its user. Whether there was any; EINVAL: no such `which`.
template <class Act>
Result<bool> for_each_named(NamedBy which, int who, Act&& act) {
  if (which < NamedBy::process || which > NamedBy::user) return Errno::inval;
  if (which == NamedBy::process) {
    Result<Ref<Task>> task = find_target(who);
    if (!task) return false;
    IrqGuard guard(task_tree_lock);
    act(**task);
    return true;
  }
  Ref<Pid> group;
  if (which == NamedBy::group && who != 0) group = find_pid(who);
  KernelUid uid = who != 0 ? KernelUid(static_cast<uint32_t>(who)) : current().creds().uid;
  bool any = false;
  for (Ref<Task> process = next_process(1); process; process = next_process(process->tgid() + 1)) {
    IrqGuard guard(task_tree_lock);
    const Ref<Pid>& own_group = who != 0 ? group : current().signal->process_group;
    bool named = which == NamedBy::group ? own_group && process->signal->process_group == own_group
                                         : creds_of(*process)->uid == uid;
    if (!named) continue;
    any = true;
    for (Task& thread : process->signal->threads) act(thread);
  }
  return any;
}

}  // namespace tine
