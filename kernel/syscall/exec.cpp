// SPDX-License-Identifier: MIT
//
// execve(2), execveat(2): decoders in front of exec::execute(). On success the return value is what
// the new program finds in its result register, which the ABI leaves undefined; Linux has 0.
#include "task/exec/exec.h"
#include "syscall/syscalls.h"

namespace tine {

SyscallResult sys_execve(UserString path, UserAddr argv, UserAddr envp) {
  constexpr int kAtCwd = -100;
  TRY(exec::execute(kAtCwd, path, argv, envp, 0));
  return 0;
}

SyscallResult sys_execveat(int directory_fd, UserString path, UserAddr argv, UserAddr envp,
                           int flags) {
  TRY(exec::execute(directory_fd, path, argv, envp, flags));
  return 0;
}

}  // namespace tine
