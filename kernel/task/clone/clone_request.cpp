// SPDX-License-Identifier: MIT
//
// Decoding and validating requests for a new task. clone(2) gives every rule; the contract's items
// are named beside them. Nothing here changes anything but the request.
#include "task/clone/clone_request.h"

#include <algorithm>

#include "arch/user_access.h"
#include "syscall/abi.h"
#include "task/signal_state.h"

namespace tine {

CloneRequest CloneRequest::from_fork() { return {.exit_signal = signal::kSigChld}; }

CloneRequest CloneRequest::from_vfork() {
  return {.flags = kCloneVfork | kCloneVm, .exit_signal = signal::kSigChld};
}

Result<CloneRequest> CloneRequest::from_clone(uint64_t flags, UserAddr stack, UserAddr parent_tid,
                                              UserAddr child_tid, UserAddr tls) {
  flags = static_cast<uint32_t>(flags);  // only the lower half is the call's (E1)
  // The pidfd goes where the parent's TID would: both cannot be had (D22).
  if ((flags & kClonePidfd) && (flags & kCloneParentSettid)) return Errno::inval;
  return CloneRequest{.flags = flags & ~kCloneExitSignal,
                      .exit_signal = static_cast<int>(flags & kCloneExitSignal),
                      .stack = stack,
                      .thread_pointer = tls,
                      .pidfd = UserOut<int>(parent_tid),
                      .parent_tid = UserOut<int>(parent_tid),
                      .child_tid = child_tid};
}

namespace {

// The structure as its version of the caller has it (G1): shorter ones are extended with zeros,
// longer ones must be zero in what we do not know.
Result<abi::CloneArgs> read_clone_args(UserAddr address, uint64_t size) {
  if (size > kPageSize) return Errno::toobig;
  if (size < abi::CloneArgs::kSizeVersion0) return Errno::inval;
  abi::CloneArgs arguments;
  const uint64_t known = std::min<uint64_t>(size, sizeof arguments);
  if (arch::copy_from_user(&arguments, address, known) != 0) return Errno::fault;
  for (uint64_t offset = known; offset < size; ++offset) {
    if (TRY(UserIn<uint8_t>(address + offset).read()) != 0) return Errno::toobig;
  }
  return arguments;
}

// A stack is given by its lowest byte and size; the child starts at its top.
Result<UserAddr> stack_top(const abi::CloneArgs& arguments) {
  const bool has_stack = arguments.stack != 0, has_size = arguments.stack_size != 0;
  if (has_stack != has_size) return Errno::inval;
  if (!has_stack) return UserAddr();
  if (!arch::is_user_range(UserAddr(arguments.stack), arguments.stack_size)) return Errno::inval;
  return UserAddr(arguments.stack + arguments.stack_size);
}

Result<void> validate_clone3(const abi::CloneArgs& arguments) {
  constexpr uint64_t kKnownFlags = 0xffff'ffff | kCloneClearSighand | kCloneIntoCgroup;
  constexpr uint64_t kNotInClone3 = kCloneDetached | (kCloneExitSignal & ~kCloneNewTime);
  const uint64_t flags = arguments.flags;
  if ((flags & ~kKnownFlags) || (flags & kNotInClone3)) return Errno::inval;
  if ((flags & kCloneSighand) && (flags & kCloneClearSighand)) return Errno::inval;
  if ((flags & (kCloneThread | kCloneParent)) && arguments.exit_signal != 0) return Errno::inval;
  return {};
}

}  // namespace

Result<CloneRequest> CloneRequest::from_clone3(UserAddr address, uint64_t size) {
  constexpr uint64_t kDeepestNamespace = 32;
  const abi::CloneArgs arguments = TRY(read_clone_args(address, size));
  if (arguments.set_tid_size > kDeepestNamespace) return Errno::inval;
  if ((arguments.set_tid == 0) != (arguments.set_tid_size == 0)) return Errno::inval;
  if (arguments.exit_signal > signal::kSignalCount) return Errno::inval;
  if (arguments.flags & kCloneIntoCgroup) {
    if (arguments.cgroup > INT32_MAX || size < sizeof arguments) return Errno::inval;
  }
  CloneRequest request{.flags = arguments.flags,
                       .exit_signal = static_cast<int>(arguments.exit_signal),
                       .thread_pointer = UserAddr(arguments.tls),
                       .pidfd = UserOut<int>(UserAddr(arguments.pidfd)),
                       .parent_tid = UserOut<int>(UserAddr(arguments.parent_tid)),
                       .child_tid = UserAddr(arguments.child_tid),
                       .set_tid_count = arguments.set_tid_size,
                       .cgroup_fd = static_cast<int>(arguments.cgroup)};
  if (request.set_tid_count > request.set_tid.size()) return Errno::inval;
  TRY(UserIn<int>(UserAddr(arguments.set_tid))
          .read_array(std::span(request.set_tid).first(request.set_tid_count)));
  TRY(validate_clone3(arguments));
  request.stack = TRY(stack_top(arguments));
  return request;
}

CloneRequest CloneRequest::for_kernel_thread(void (*entry)(void*), void* argument) {
  CloneRequest request = for_init(entry, argument);
  request.is_kernel_thread = true;
  return request;
}

CloneRequest CloneRequest::for_init(void (*entry)(void*), void* argument) {
  return {.flags = kCloneVm | kCloneUntraced | kCloneFs | kCloneFiles,
          .exit_signal = signal::kSigChld,
          .entry = entry,
          .argument = argument};
}

Result<void> CloneRequest::validate(const Task& caller) const {
  // A new mount or user namespace needs its own root directory.
  if (has(kCloneFs) && has(kCloneNewNs | kCloneNewUser)) return Errno::inval;
  // Threads share handlers, and shared handlers only make sense in one memory (X-E2: one way).
  if (has(kCloneThread) && !has(kCloneSighand)) return Errno::inval;
  if (has(kCloneSighand) && !has(kCloneVm)) return Errno::inval;
  // Siblings of an init would be children nobody reaps.
  if (has(kCloneParent) && caller.signal->is_unkillable) return Errno::inval;
  if (has(kCloneThread) && has(kCloneNewUser | kCloneNewPid)) return Errno::inval;
  if (has(kClonePidfd) && has(kCloneDetached)) return Errno::inval;
  return {};
}

}  // namespace tine
