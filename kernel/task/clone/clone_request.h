// SPDX-License-Identifier: MIT
//
// CloneRequest: what fork, vfork, clone, clone3 and kernel threads ask for, decoded once. After it
// has been made nobody reads raw arguments again (E1, E3).
//
// Decoding may fail (EFAULT, E2BIG, EINVAL) and touches nothing but the request; validate() holds
// the rules that clone(2) gives for combinations of flags (E13).
#pragma once

#include <array>
#include <span>

#include "core/result.h"
#include "mm/user_memory.h"
#include "task/pid/pid.h"

namespace tine {

struct Task;

enum CloneFlags : uint64_t {  // clone(2)
  kCloneExitSignal = 0xff,    // CSIGNAL
  kCloneNewTime = 0x80,       // clone3 and unshare only: shares its bit with CSIGNAL
  kCloneVm = 0x100,
  kCloneFs = 0x200,
  kCloneFiles = 0x400,
  kCloneSighand = 0x800,
  kClonePidfd = 0x1000,
  kClonePtrace = 0x2000,
  kCloneVfork = 0x4000,
  kCloneParent = 0x8000,
  kCloneThread = 0x10000,
  kCloneNewNs = 0x20000,
  kCloneSysvsem = 0x40000,
  kCloneSettls = 0x80000,
  kCloneParentSettid = 0x100000,
  kCloneChildCleartid = 0x200000,
  kCloneDetached = 0x400000,
  kCloneUntraced = 0x800000,
  kCloneChildSettid = 0x1000000,
  kCloneNewCgroup = 0x2000000,
  kCloneNewUts = 0x4000000,
  kCloneNewIpc = 0x8000000,
  kCloneNewUser = 0x10000000,
  kCloneNewPid = 0x20000000,
  kCloneNewNet = 0x40000000,
  kCloneIo = 0x80000000,
  kCloneClearSighand = 0x100000000,
  kCloneIntoCgroup = 0x200000000,
};
inline constexpr uint64_t kCloneNewAny = kCloneNewTime | kCloneNewNs | kCloneNewCgroup |
                                         kCloneNewUts | kCloneNewIpc | kCloneNewUser |
                                         kCloneNewPid | kCloneNewNet;

struct CloneRequest {
  uint64_t flags = 0;  // CloneFlags without the exit signal
  int exit_signal = 0;
  UserAddr stack;           // the child's stack pointer; 0: as the caller's
  UserAddr thread_pointer;  // kCloneSettls
  UserOut<int> pidfd, parent_tid;
  UserAddr child_tid;
  std::array<int, Pid::kMaxLevels> set_tid{};
  size_t set_tid_count = 0;
  int cgroup_fd = -1;
  // Kernel side: the child runs entry(argument) in kernel mode instead of returning to a program.
  void (*entry)(void*) = nullptr;
  void* argument = nullptr;
  bool is_kernel_thread = false;  // false with `entry`: init, which will become a program

  static CloneRequest from_fork();
  static CloneRequest from_vfork();
  static Result<CloneRequest> from_clone(uint64_t flags, UserAddr stack, UserAddr parent_tid,
                                         UserAddr child_tid, UserAddr tls);
  static Result<CloneRequest> from_clone3(UserAddr arguments, uint64_t size);
  static CloneRequest for_kernel_thread(void (*entry)(void*), void* argument);
  static CloneRequest for_init(void (*entry)(void*), void* argument);

  // The rules between flags, and between flags and the caller. EINVAL.
  Result<void> validate(const Task& caller) const;

  bool has(uint64_t flag) const { return flags & flag; }
  std::span<const int> wanted_tids() const { return {set_tid.data(), set_tid_count}; }
};

}  // namespace tine
