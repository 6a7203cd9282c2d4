// SPDX-License-Identifier: MIT
//
// Pidfds (pidfd_open(2), clone(2) CLONE_PIDFD): a file that stands for a process and keeps its Pid
// object, not its number. Readable once the process has exited; waitid(P_PIDFD) and
// pidfd_send_signal(2) take it.
#pragma once

#include "core/ref.h"
#include "core/result.h"
#include "fs/files.h"
#include "task/clone/clone_request.h"
#include "task/pid/pid.h"

namespace tine {

inline constexpr uint32_t kPidfdNonBlock = fs::kNonBlock;
inline constexpr uint32_t kPidfdThread = fs::kExclusive;  // stands for one thread, not its process

Result<Ref<fs::File>> make_pidfd(Pid& pid, uint32_t flags);
// EBADF: not a descriptor, or not of a pidfd. `flags`: those of the file.
Result<Ref<Pid>> pid_of_pidfd(int fd, uint32_t& flags);
// The same for one who sends a signal, who may also have opened /proc/PID.
Result<Ref<Pid>> pid_to_signal(int fd, uint32_t& flags);

// CLONE_PIDFD: the descriptor is reserved and the file made before the child is published, so that
// installing it afterwards cannot fail (E45). Empty when none was asked for.
struct PreparedPidfd {
  ReservedFd descriptor;
  Ref<fs::File> file;
  void install() {
    if (file) (void)descriptor.install(std::move(file));
  }
};
Result<PreparedPidfd> prepare_pidfd(Pid& pid, const CloneRequest& request);

}  // namespace tine
