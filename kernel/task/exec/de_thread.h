// SPDX-License-Identifier: MIT
//
// exec of one thread ends all others of its process (G10, execve(2)).
#pragma once

#include "core/result.h"

namespace tine {
struct Task;
}

namespace tine::exec {

// On success `task` is the only thread of its process and its leader, with the process's number.
// EAGAIN: the process is dying, or another thread exec's already.
Result<void> de_thread(Task& task);

}  // namespace tine::exec
