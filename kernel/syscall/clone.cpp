// SPDX-License-Identifier: MIT
//
// fork(2), vfork(2), clone(2), clone3(2): decoders in front of the one road, kernel_clone().
#include "syscall/syscalls.h"
#include "task/clone/kernel_clone.h"

namespace tine {

SyscallResult sys_fork() { return TRY(kernel_clone(CloneRequest::from_fork())); }

SyscallResult sys_vfork() { return TRY(kernel_clone(CloneRequest::from_vfork())); }

SyscallResult sys_clone(uint64_t flags, UserAddr stack, UserAddr parent_tid, UserAddr child_tid,
                        UserAddr tls) {
  CloneRequest request = TRY(CloneRequest::from_clone(flags, stack, parent_tid, child_tid, tls));
  return TRY(kernel_clone(request));
}

SyscallResult sys_clone3(UserAddr arguments, uint64_t size) {
  CloneRequest request = TRY(CloneRequest::from_clone3(arguments, size));
  return TRY(kernel_clone(request));
}

}  // namespace tine
