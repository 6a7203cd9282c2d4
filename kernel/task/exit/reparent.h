// SPDX-License-Identifier: MIT
//
// Where the children of an exiting task go (prctl(2) PR_SET_CHILD_SUBREAPER, credentials(7)).
#pragma once

#include "task/exit/release.h"
#include "task/task.h"

namespace tine {

// Gives a few children of `father` to another thread of its process, a subreaper above it, or init;
// sends parent-death signals. Children that nobody will wait for are unlinked into `released`.
// True: it has none left. Else the caller lets go of the lock for a moment, and calls again.
bool reparent_some_children(Task& father, ReleasedTasks& released) REQUIRES(task_tree_lock);

}  // namespace tine
