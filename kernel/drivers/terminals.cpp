// SPDX-License-Identifier: MIT
//
// Terminals on devices: /dev/ttyS0 on the serial line and /dev/hvc0 on the first virtio console.
// Each device is a constant object that lives from start-up on; the Terminal above it has the line
// discipline and all the locking.
//
// A virtio console keeps input that the terminal has no room for; a timer looks again while there
// is some. A serial line has no such patience: what does not fit is lost, as on real ones.
#include <algorithm>

#include "arch/serial.h"
#include "core/log.h"
#include "drivers/drivers.h"
#include "drivers/virtio/console.h"
#include "fs/dev/dev.h"
#include "fs/inode.h"
#include "fs/open.h"
#include "fs/tty/pty.h"
#include "fs/tty/terminal.h"
#include "sched/timer.h"

namespace tine::drivers {

namespace {

constexpr uint64_t kSerialDevice = fs::make_device(4, 64);
constexpr uint64_t kVirtioDevice = fs::make_device(229, 0);
constexpr Nanoseconds kLookAgain = 10'000'000;

constinit Ref<tty::Terminal> serial_terminal, virtio_terminal;

class SerialDevice final : public tty::TerminalDevice {
 public:
  size_t write(std::span<const char> bytes) override {
    arch::serial_write(bytes);
    return bytes.size();
  }
  size_t room() override { return kPageSize; }
  static void receive(std::span<const char> bytes) { serial_terminal->receive(bytes); }
};

class VirtioConsole final : public tty::TerminalDevice {
 public:
  constexpr explicit VirtioConsole(virtio::ConsolePort& port)
      : port_(port), look_again_(&look_again) {}
  size_t write(std::span<const char> bytes) override { return port_.write(bytes); }
  size_t room() override { return port_.room(); }
  WaitQueue* writable() override { return &port_.writable(); }

  void start() { port_.set_input_handler(&input, this); }

 private:
  static void input(void* self) { static_cast<VirtioConsole*>(self)->pass_on(); }
  static void look_again(time::Timer& timer);
  void pass_on();

  virtio::ConsolePort& port_;
  time::Timer look_again_;
};

constinit SerialDevice serial_device;
alignas(VirtioConsole) constinit char virtio_console_storage[sizeof(VirtioConsole)]{};
VirtioConsole& virtio_console() {
  return *reinterpret_cast<VirtioConsole*>(virtio_console_storage);
}

void VirtioConsole::look_again(time::Timer&) { virtio_console().pass_on(); }

void VirtioConsole::pass_on() {
  for (;;) {
    char chunk[256];
    size_t room = std::min(sizeof chunk, virtio_terminal->receive_room());
    size_t length = room ? port_.read({chunk, room}) : 0;
    if (length == 0) break;
    virtio_terminal->receive({chunk, length});
  }
  if (port_.has_input()) time::arm(look_again_, time::monotonic_now() + kLookAgain);
}

Result<Ref<fs::File>> open_serial(const fs::Path& path, uint64_t, uint32_t flags) {
  if (!serial_terminal) return Errno::nxio;
  return tty::open_terminal(serial_terminal, path, flags);
}
Result<Ref<fs::File>> open_virtio(const fs::Path& path, uint64_t, uint32_t flags) {
  if (!virtio_terminal) return Errno::nxio;
  return tty::open_terminal(virtio_terminal, path, flags);
}

constinit fs::CharacterDevice serial_devices{"ttyS", 4, 64, 1, open_serial};
constinit fs::CharacterDevice virtio_devices{"hvc", 229, 0, 1, open_virtio};

Result<void> start_serial() {
  if (!arch::serial_exists()) return {};
  serial_terminal = TRY(make_ref<tty::Terminal>(serial_device, kSerialDevice));
  TRY(fs::make_node("/dev/ttyS0", fs::kTypeCharacter | 0660, kSerialDevice));
  return arch::serial_start_receiving(&SerialDevice::receive);
}

Result<void> start_virtio() {
  for (virtio::ConsolePort& port : virtio::console_ports()) {
    if (!port.exists() || !port.is_console()) continue;
    TRY(port.open());  // for good: the terminal outlives its files
    auto& device = *new (virtio_console_storage) VirtioConsole(port);
    virtio_terminal = TRY(make_ref<tty::Terminal>(device, kVirtioDevice));
    TRY(fs::make_node("/dev/hvc0", fs::kTypeCharacter | 0660, kVirtioDevice));
    device.start();
    return {};
  }
  return {};
}

Ref<tty::Terminal> choose_console(std::string_view name) {
  if (name.starts_with("hvc") && virtio_terminal) return virtio_terminal;
  if (name.starts_with("ttyS") && serial_terminal) return serial_terminal;
  return serial_terminal ? serial_terminal : virtio_terminal;
}

}  // namespace

void init_terminals(std::string_view console) {
  fs::register_character_device(serial_devices);
  fs::register_character_device(virtio_devices);
  if (!start_serial()) log_warning("no terminal on the serial line");
  if (!start_virtio()) log_warning("no terminal on the virtio console");
  fs::set_console_terminal(choose_console(console));
}

}  // namespace tine::drivers
