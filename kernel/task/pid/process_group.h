// SPDX-License-Identifier: MIT
//
// Questions about process groups and sessions that terminals ask (job control).
// All take task_tree_lock; a Pid argument stands for the group or session it numbers.
#pragma once

#include "task/pid/pid.h"

namespace tine {

// No member has a parent in another group of the same session, so nobody would continue the group
// if it stopped (POSIX, "orphaned process group").
bool is_orphaned_process_group(Pid& group);
// Some member of `group` belongs to `session`.
bool is_group_in_session(Pid& group, Pid& session);
// To the leader of the session alone: SIGHUP when its terminal hangs up.
void signal_session_leader(Pid& session, int signal_number);
// Every process of the session loses its controlling terminal.
void forget_terminal_of_session(Pid& session);

}  // namespace tine
