// SPDX-License-Identifier: MIT
//
// kernel_clone: the one road to a new task, for fork, vfork, clone, clone3 and kernel threads (E3).
#pragma once

#include "task/clone/clone_request.h"

namespace tine {

// Makes the child, starts it, and for kCloneVfork waits until it has released the caller's memory.
// Returns its number as the caller sees it. Errors as copy_process().
Result<int> kernel_clone(const CloneRequest& request);

// In the child, before it first returns to its program: CLONE_CHILD_SETTID.
void finish_birth(Task& child);

}  // namespace tine
