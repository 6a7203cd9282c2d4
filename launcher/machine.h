// SPDX-License-Identifier: MIT
//
// The description of a microVM, and its translation into QEMU's command line. A pure function of
// the description: nothing is opened, started or measured here. Descriptors are named by number and
// belong to the caller, who must let QEMU inherit them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tine::launcher {

// A character device of the guest whose other end is a socket of the launcher.
struct MachinePort {
  enum class Kind { kSerial, kConsole, kStream };
  Kind kind = Kind::kStream;
  std::string name;  // of a stream: the guest sees it as /dev/virtio-ports/NAME
  int fd = -1;       // QEMU's end of the socket
};

struct Machine {
  std::string type = "microvm";
  bool kvm = false;
  uint64_t memory_bytes = 0;
  unsigned cpus = 1;
  std::string kernel;
  int initrd_fd = -1;
  std::string command_line;
  std::vector<MachinePort> ports;
};

std::vector<std::string> qemu_arguments(const Machine& machine);

}  // namespace tine::launcher
