// SPDX-License-Identifier: MIT
//
// The end of a task: do_exit (one thread), exit_group (its process), and the release of a zombie.
// `code` is a wait status: exit code << 8, or the signal's number | 0x80 for a core dump.
#pragma once

#include "core/ref.h"
#include "task/pid/pid.h"

namespace tine {

struct Task;

[[noreturn]] void do_exit(int code);
// Tells all threads of the process to die, and dies.
[[noreturn]] void do_group_exit(int code);

// Takes a dead task out of the tree and drops the tree's reference. The caller made sure that nobody
// else does the same: it moved exit_state from zombie to dead.
void release_task(Task& task) EXCLUDES(task_tree_lock);

// exit and exec: lets the vfork parent go on, and clears the child's TID word.
void mm_release(Task& task);

}  // namespace tine
