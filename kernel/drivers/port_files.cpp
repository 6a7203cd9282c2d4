// SPDX-License-Identifier: MIT
//
// Named virtio ports as files: /dev/vport0pN, and /dev/virtio-ports/NAME, which leads there. A port
// is a byte stream to the host: reads wait for input and return 0 once the host has closed its side
// and everything is read; writes wait for room, and end with EPIPE and SIGPIPE once it has. The last close waits until the host has taken
// everything, so that a program's output is out when the program is gone.
//
// The port does the locking; a file holds one of the port's opens.
#include <algorithm>

#include "core/format.h"
#include "core/log.h"
#include "drivers/drivers.h"
#include "drivers/virtio/console.h"
#include "fs/inode.h"
#include "fs/open.h"
#include "fs/opened_file.h"
#include "fs/stat.h"
#include "task/task.h"

namespace tine::drivers {

namespace {

using virtio::ConsolePort;

constexpr uint32_t kPortMajor = 247;  // from the range for local use

class PortFile final : public fs::PathFile {
 public:
  static constexpr const char* kCacheName = "vport_file";
  // Takes over one open of the port.
  PortFile(const fs::Path& path, uint32_t flags, ConsolePort& port)
      : PathFile(path, flags), port_(port) {}
  ~PortFile() override {
    (void)wait_event(port_.writable(), WaitKind::killable, [&] { return port_.is_drained(); });
    port_.close();
  }

  Result<size_t> read(IoBuffer& buffer, uint64_t&) override;
  Result<size_t> write(IoBuffer& buffer, uint64_t&) override;
  uint32_t poll(fs::PollTable* table) override;

 private:
  ConsolePort& port_;
};

Result<size_t> PortFile::read(IoBuffer& buffer, uint64_t&) {
  size_t total = 0;
  while (buffer.remaining() != 0) {
    char chunk[512];
    size_t length = port_.read({chunk, std::min(sizeof chunk, buffer.remaining())});
    if (length == 0) {
      if (total != 0 || port_.is_at_end()) break;
      if (is_nonblocking()) return Errno::again;
      TRY(wait_event(port_.readable(), WaitKind::interruptible,
                     [&] { return port_.has_input() || port_.is_at_end(); }));
      continue;
    }
    total += TRY(buffer.copy_in(chunk, length));
  }
  return total;
}

Result<size_t> PortFile::write(IoBuffer& buffer, uint64_t&) {
  size_t total = 0;
  while (buffer.remaining() != 0) {
    if (port_.has_lost_host()) {
      if (total != 0) return total;
      (void)signal::send_to_task(current(), signal::kSigPipe);
      return Errno::pipe;
    }
    size_t room = port_.room();
    if (room == 0) {
      if (is_nonblocking()) return total ? Result<size_t>(total) : Errno::again;
      Result<void> waited =
          wait_event(port_.writable(), WaitKind::interruptible,
                     [&] { return port_.room() != 0 || port_.has_lost_host(); });
      if (!waited) return total ? Result<size_t>(total) : waited.error();
      continue;
    }
    char chunk[1024];
    size_t length = TRY(buffer.copy_out(chunk, std::min({sizeof chunk, room, buffer.remaining()})));
    total += port_.write({chunk, length});
  }
  return total;
}

uint32_t PortFile::poll(fs::PollTable* table) {
  if (table) {
    table->wait_on(port_.readable());
    table->wait_on(port_.writable());
  }
  uint32_t events = 0;
  if (port_.has_input()) events |= fs::kPollIn | fs::kPollRdNorm;
  if (port_.is_at_end()) events |= fs::kPollIn | fs::kPollHup;
  if (port_.room() != 0) events |= fs::kPollOut | fs::kPollWrNorm;
  if (port_.has_lost_host()) events |= fs::kPollOut | fs::kPollErr;
  return events;
}

Result<Ref<fs::File>> open_port(const fs::Path& path, uint64_t device, uint32_t flags) {
  ConsolePort& port = virtio::console_ports()[fs::device_minor(device)];
  if (!port.exists() || port.is_console()) return Errno::nxio;
  TRY(port.open());
  Result<Ref<PortFile>> file = make_ref<PortFile>(path, flags, port);
  if (!file) port.close();
  return Ref<fs::File>(TRY(std::move(file)));
}

constinit fs::CharacterDevice port_devices{"virtio-portsdev", kPortMajor, 0,
                                           virtio::kMaxConsolePorts, open_port};

Result<void> make_port_nodes(const ConsolePort& port, uint32_t number) {
  char node[32], target[32], link[80];
  std::string_view node_path{node, format_to(node, "/dev/vport0p{}", number)};
  TRY(fs::make_node(node_path, fs::kTypeCharacter | 0600, fs::make_device(kPortMajor, number)));
  if (port.name().empty() || port.name().contains('/')) return {};
  return fs::make_symlink({target, format_to(target, "../vport0p{}", number)},
                          {link, format_to(link, "/dev/virtio-ports/{}", port.name())});
}

}  // namespace

void init_port_files() {
  fs::register_character_device(port_devices);
  std::span<ConsolePort> ports = virtio::console_ports();
  bool has_directory = false;
  for (uint32_t number = 0; number < ports.size(); ++number) {
    if (!ports[number].exists() || ports[number].is_console()) continue;
    if (!has_directory) {
      has_directory = fs::make_node("/dev/virtio-ports", fs::kTypeDirectory | 0755).has_value();
    }
    if (!make_port_nodes(ports[number], number)) log_warning("no node for virtio port {}", number);
  }
}

}  // namespace tine::drivers
