// SPDX-License-Identifier: MIT
//
// See machine.h. Nothing of the host gets into the VM but what is listed here: no network, no
// firmware files of the user's, no default devices, and QEMU itself under its strictest seccomp
// filter.
#include "machine.h"

#include <fmt/format.h>

namespace tine::launcher {
namespace {

constexpr uint64_t kKibibyte = 1024;
constexpr unsigned kMaxPorts = 8;

void add_port(std::vector<std::string>& arguments, const MachinePort& port) {
  const std::string id = "port" + std::to_string(port.fd);
  arguments.insert(arguments.end(), {"-chardev", fmt::format("socket,id={},fd={}", id, port.fd)});
  switch (port.kind) {
    case MachinePort::Kind::kSerial:
      arguments.insert(arguments.end(), {"-serial", "chardev:" + id});
      break;
    case MachinePort::Kind::kConsole:
      arguments.insert(arguments.end(), {"-device", "virtconsole,chardev=" + id});
      break;
    case MachinePort::Kind::kStream:
      arguments.insert(arguments.end(), {"-device", fmt::format("virtserialport,chardev={},name={}",
                                                                id, port.name)});
      break;
  }
}

}  // namespace

std::vector<std::string> qemu_arguments(const Machine& machine) {
  const bool microvm = machine.type == "microvm";
  std::vector<std::string> arguments = {
      "qemu-system-x86_64",
      "-M",
      microvm ? "microvm,acpi=on,rtc=on" : machine.type,
      "-accel",
      machine.kvm ? "kvm" : "tcg",
      "-cpu",
      // QEMU 7.2 passes a capabilities MSR on that nested hosts refuse.
      machine.kvm ? "host,migratable=off,arch-capabilities=off" : "max",
      "-m",
      fmt::format("{}K", machine.memory_bytes / kKibibyte),
      "-smp",
      std::to_string(machine.cpus),
      "-nodefaults",
      "-no-user-config",
      "-display",
      "none",
      "-no-reboot",
      "-sandbox",
      "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
      "-kernel",
      machine.kernel,
      "-initrd",
      fmt::format("/proc/self/fd/{}", machine.initrd_fd),
      "-append",
      machine.command_line,
      "-global",
      "virtio-mmio.force-legacy=false",
      "-device",
      fmt::format("virtio-serial-{},max_ports={}", microvm ? "device" : "pci", kMaxPorts),
  };
  for (const MachinePort& port : machine.ports) add_port(arguments, port);
  return arguments;
}

}  // namespace tine::launcher
