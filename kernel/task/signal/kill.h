// SPDX-License-Identifier: MIT
//
// Signals that programs send: whom kill(2) means, and who may (kill(2), "ERRORS").
#pragma once

#include "task/pid/pid.h"
#include "task/signal/signal.h"

namespace tine::signal {

// kill(2): a process (> 0), the caller's group (0), all (-1), a group (< -1). ESRCH, EPERM, EINVAL.
Result<void> kill(int pid, int number, const SigInfo& info);
// One thread, of the process `tgid` unless that is 0.
Result<void> kill_thread(int tgid, int tid, int number, const SigInfo& info);
// The process (or with `is_thread` the thread) behind a Pid.
Result<void> kill_pid(Pid& pid, int number, const SigInfo& info, bool is_thread);
// Whether the sender, which the caller keeps alive, may send it: the rule of kill(2), "Notes".
bool may_signal(const Task& sender, Task& task, int number) REQUIRES(task_tree_lock);
// What kill(2) says of its sender.
SigInfo info_of_sender(int number, int code);

}  // namespace tine::signal
