// SPDX-License-Identifier: MIT
//
// Process groups and sessions as job control sees them (POSIX.1 chapter 11, setpgid(2), setsid(2)),
// with what terminals ask about them. All take task_tree_lock unless they end in _locked.
#pragma once

#include "core/result.h"
#include "task/pid/pid.h"

namespace tine {

struct SignalState;
struct Task;

// The running task's.
Ref<Pid> own_process_group() EXCLUDES(task_tree_lock);

// No member has a parent that is in the same session but in another group: if the group stopped,
// nobody could continue it.
bool is_orphaned_process_group(Pid& group) EXCLUDES(task_tree_lock);

// `leaving` (or its parent) is about to go, or to change its group: if that orphans a group with
// stopped members, they get SIGHUP and SIGCONT. `parent` is the one whose tie with it ends.
void hang_up_orphaned_group_locked(Task& leaving, Task* parent) REQUIRES(task_tree_lock);

// True if some process of `session` is in `group`.
bool is_group_in_session(Pid& group, Pid& session) EXCLUDES(task_tree_lock);

// The session's terminal is gone: tell its leader; drop its members' controlling terminal.
void signal_session_leader(Pid& session, int number) EXCLUDES(task_tree_lock);
void forget_terminal_of_session(Pid& session) EXCLUDES(task_tree_lock);

// setpgid(2) and setsid(2) of the running task; `pid` and `group` 0: its own.
Result<void> set_process_group(int pid, int group) EXCLUDES(task_tree_lock);
Result<int> make_session() EXCLUDES(task_tree_lock);

}  // namespace tine
