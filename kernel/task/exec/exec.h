// SPDX-License-Identifier: MIT
//
// execve(2): replaces the running task's program. The new address space, with program, interpreter
// and stack, is built complete beside the old one; every ordinary failure comes before anything of
// the caller has changed. After the point of no return only the other threads' end is waited for.
#pragma once

#include <span>
#include <string_view>

#include "core/result.h"
#include "mm/user_memory.h"

namespace tine::exec {

// execve and execveat from a program. Returns only on failure or, on success, to start the new
// program on the way back to user mode. Errors as execve(2).
Result<void> execute(int directory_fd, UserString path, UserAddr argv, UserAddr envp, int flags);
// From a kernel thread (boot's init): on success the caller returns from its entry function, and
// the thread goes to user mode.
Result<void> kernel_execve(std::string_view path, std::span<const std::string_view> argv,
                           std::span<const std::string_view> envp);

}  // namespace tine::exec
