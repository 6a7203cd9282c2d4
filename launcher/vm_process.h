// SPDX-License-Identifier: MIT
//
// A running QEMU, owned: it dies with its VmProcess, and by the kernel's hand (PDEATHSIG) when the
// launcher itself is killed, so that none is ever left behind. It runs in a session of its own, so
// that the terminal's signals reach the launcher only. The constructor throws Failure where QEMU
// is not installed or cannot be started.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "unique_fd.h"

namespace tine::launcher {

class VmProcess {
 public:
  // `inherited`: what stays open in QEMU, under the same numbers. `messages` becomes its stdout
  // and stderr.
  VmProcess(const std::vector<std::string>& arguments, const std::vector<int>& inherited,
            int messages);
  VmProcess(const VmProcess&) = delete;
  VmProcess& operator=(const VmProcess&) = delete;
  ~VmProcess();

  // Becomes readable when QEMU has ended.
  int ended_fd() const { return ended_.get(); }

  void kill();

 private:
  pid_t pid_ = -1;
  UniqueFd ended_;
};

}  // namespace tine::launcher
