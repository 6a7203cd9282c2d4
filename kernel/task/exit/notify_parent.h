// SPDX-License-Identifier: MIT
//
// What a parent is told about a child: the siginfo of its SIGCHLD, and the wake-up of wait(2).
#pragma once

#include "task/signal/signal.h"

namespace tine {

struct CpuUsage;
struct Task;

// Identity of a child, as its parent numbers it, and the times of `usage`; `code` and status are
// the caller's to add.
signal::SigInfo describe_child(Task& child, const CpuUsage& usage) REQUIRES(task_tree_lock);
void wake_waiting_parent(Task& parent);

// The process of `leader` has ended: sends `number` (0: none) to its parent. True if the parent
// does not want to wait for it (SIGCHLD ignored, SA_NOCLDWAIT): it is to be released at once.
bool notify_parent_of_exit(Task& leader, int number) REQUIRES(task_tree_lock);

}  // namespace tine
