// SPDX-License-Identifier: MIT
//
// copy_process: builds the child that a request asks for, and makes it visible.
#pragma once

#include "task/clone/clone_request.h"
#include "task/clone/fork_under_way.h"
#include "task/clone/nascent_task.h"
#include "task/pid/pidfd.h"

namespace tine {

// The child is in the tree, found by number, and asleep until wake_up_new_task(). The reference is
// the caller's own. Fails with EAGAIN (limits), ENOMEM, EINTR (the caller is dying),
// restart_nointr (a signal came first), and what clone(2) says of the request.
Result<Ref<Task>> copy_process(Task& caller, const CloneRequest& request);

// Links a finished child into the tree of tasks (task/clone/publish.cpp).
Result<Ref<Task>> publish(NascentTask child, Task& caller, const CloneRequest& request,
                          PreparedPidfd pidfd, const ForkUnderWay& under_way);

}  // namespace tine
