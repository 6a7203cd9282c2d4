// SPDX-License-Identifier: MIT
//
// Telling a parent that a child has ended: SIGCHLD with its siginfo (sigaction(2)), auto-reaping,
// and the parent's wait queue.
#include "task/exit/notify_parent.h"

#include "task/namespace/namespaces.h"
#include "task/wait/wait.h"

namespace tine {

using namespace signal;

SigInfo describe_child(Task& child, const CpuUsage& usage) {
  SigInfo info{.number = kSigChld};
  info.child.pid = child.pid->number_in(*child.parent->namespaces->pid_for_children);
  info.child.uid = creds_of(child)->uid.value;
  info.child.utime = usage.user_time / abi::kClockTick;
  info.child.stime = usage.system_time / abi::kClockTick;
  return info;
}

void wake_waiting_parent(Task& parent) { parent.signal->child_exit.wake_all(); }

bool notify_parent_of_exit(Task& leader, int number) {
  Task& parent = *leader.parent;
  // Who has exec'd since is not sent whatever the program before it had asked for (B65).
  if (number != kSigChld && leader.parent_exec_id != parent.self_exec_id) number = kSigChld;

  bool is_reaped = false;
  if (number == kSigChld) {
    IrqGuard guard(parent.sighand->lock);
    const SigAction action = parent.sighand->action(kSigChld);
    is_reaped = action.handler == kIgnoreHandler || (action.flags & kSaNoChildWait);
    if (action.handler == kIgnoreHandler) number = 0;
    // A default SIGCHLD does nothing: no need to describe the child for it.
    if (action.handler == kDefaultHandler && !(parent.blocked & bit(kSigChld))) number = 0;
  }
  if (is_valid_signal(number)) {
    const int status = exit_status_of(leader);
    SigInfo info = describe_child(leader, usage_of_process(leader));
    info.number = number;
    info.code = si_code_of_status(status);
    info.child.status = si_status_of(status);
    (void)send_to_process_locked(parent, number, &info);
  }
  wake_waiting_parent(parent);
  return is_reaped;
}

}  // namespace tine
