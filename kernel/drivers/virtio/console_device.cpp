// SPDX-License-Identifier: MIT
//
// Start of the virtio-console device, its control messages and its interrupt. Start-up happens
// once, in PID 1's kernel thread; a device that fails there is left unused, with a line in the log.
// The interrupt handler collects under the lock and wakes after it: a wait queue ranks below.
#include "drivers/virtio/console_device.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "arch/clock.h"
#include "arch/page_table.h"
#include "arch/power.h"
#include "core/log.h"
#include "mm/heap.h"

namespace tine::virtio {

namespace {

enum Features : uint64_t { kFeatureMultiport = 1u << 1 };
constexpr unsigned kConfigMaxPorts = 4;
constexpr Nanoseconds kAnswerTimeout = kNsPerSecond;  // a host may be busy; most take microseconds
constexpr Nanoseconds kDrainTimeout = 2 * kNsPerSecond;

constinit ConsoleDevice console_device;

// Port 0 has queues 0 and 1, the control queues are 2 and 3, port n has 2n+2 and 2n+3.
constexpr unsigned receive_queue_index(unsigned port) { return port == 0 ? 0 : 2 * port + 2; }
constexpr unsigned kControlReceiveQueue = 2;

}  // namespace

bool ConsoleDevice::set_up_queue(VirtQueue& queue, unsigned index) {
  constexpr unsigned kPerFrame = kPageSize / 1024;
  if (queue_memory_left_ == 0) {
    void* frame = heap_allocate(kPageSize);
    if (frame == nullptr) return false;
    memset(frame, 0, kPageSize);
    queue_memory_ = static_cast<VirtQueue::Memory*>(frame);
    queue_memory_left_ = kPerFrame;
  }
  auto* place = reinterpret_cast<char*>(queue_memory_) + 1024 * (kPerFrame - queue_memory_left_--);
  return queue.set_up(*transport_, index, *reinterpret_cast<VirtQueue::Memory*>(place));
}

bool ConsoleDevice::set_up_queues() {
  for (unsigned i = 0; i < port_count_; ++i) {
    unsigned index = receive_queue_index(i);
    if (!set_up_queue(ports_[i].receive_queue_, index)) return false;
    if (!set_up_queue(ports_[i].send_queue_, index + 1)) return false;
    ports_[i].send_queue_.want_interrupts(false);
    ports_[i].device_ = this;
    ports_[i].number_ = i;
  }
  control_memory_ = static_cast<char*>(heap_allocate(2 * kPageSize));
  return control_memory_ != nullptr && set_up_queue(control_receive_, kControlReceiveQueue) &&
         set_up_queue(control_send_, kControlReceiveQueue + 1);
}

bool ConsoleDevice::start(Owned<Transport> transport) {
  transport_ = std::move(transport);
  if (!(transport_->negotiate(kFeatureMultiport) & kFeatureMultiport)) return false;
  port_count_ = std::min(transport_->config(kConfigMaxPorts), kMaxConsolePorts);
  if (!transport_->connect_interrupt(interrupt_entry, this) || !set_up_queues()) return false;
  transport_->start();
  IrqGuard guard(lock);
  control_send_.want_interrupts(false);
  fill_control_queue();
  send_control_locked(0, kDeviceReady, 1);
  handle_control_messages();
  return true;
}

void ConsoleDevice::fill_control_queue() {
  for (unsigned i = 0; i < VirtQueue::kSize; ++i) {
    control_receive_.give(i, arch::direct_map_to_phys(control_memory_ + i * kControlBufferSize),
                          kControlBufferSize, /*device_writes=*/true);
  }
  control_receive_.notify(*transport_);
}

// Messages are few and the host takes them at once; each has a buffer of its own, and the ring of
// 32 comes round to one only long after it was taken.
void ConsoleDevice::send_control_locked(unsigned port, uint16_t event, uint16_t value) {
  static_assert(VirtQueue::kSize * kControlBufferSize <= kPageSize);
  while (control_send_.take()) {
  }
  auto* messages = reinterpret_cast<ControlMessage*>(control_memory_ + kPageSize);
  unsigned number = control_sent_++ % VirtQueue::kSize;
  messages[number] = {port, event, value};
  control_send_.give(number, arch::direct_map_to_phys(&messages[number]), sizeof(ControlMessage),
                     /*device_writes=*/false);
  control_send_.notify(*transport_);
}

void ConsoleDevice::handle_control_message(const ControlMessage& message, std::string_view rest) {
  if (message.port >= port_count_) return;
  ConsolePort& port = ports_[message.port];
  switch (message.event) {
    case kDeviceAdd:
      port.exists_.store(true, std::memory_order_release);
      send_control_locked(message.port, kPortReady, 1);
      break;
    case kDeviceRemove:
      port.host_connected_ = false;
      break;
    case kConsolePort:
      port.is_console_ = true;
      send_control_locked(message.port, kPortOpen, 1);
      break;
    case kPortOpen:
      port.host_connected_ = message.value != 0;
      port.host_was_connected_ |= port.host_connected_;
      break;
    case kPortName:
      port.name_length_ = static_cast<uint8_t>(std::min(rest.size(), sizeof port.name_));
      std::copy_n(rest.data(), port.name_length_, port.name_);
      while (port.name_length_ > 0 && port.name_[port.name_length_ - 1] == '\0') {
        --port.name_length_;
      }
      break;
    default:
      break;  // the window's size comes by the launcher's own channel
  }
}

void ConsoleDevice::handle_control_messages() {
  while (auto used = control_receive_.take()) {
    const char* buffer = control_memory_ + used->buffer * kControlBufferSize;
    ControlMessage message;
    size_t length = std::min(used->length, kControlBufferSize);
    if (length >= sizeof message) {
      memcpy(&message, buffer, sizeof message);
      handle_control_message(message, {buffer + sizeof message, length - sizeof message});
    }
    control_receive_.give(used->buffer, arch::direct_map_to_phys(buffer), kControlBufferSize, true);
    control_receive_.notify(*transport_);
  }
}

bool ConsoleDevice::all_identified() {
  IrqGuard guard(lock);
  bool any = false;
  for (ConsolePort& port : ports_) {
    if (!port.exists()) continue;
    any = true;
    if (!port.is_console_ && port.name_length_ == 0) return false;
  }
  return any;
}

void ConsoleDevice::wait_for_ports() {
  (void)wait_event(
      control_event_, WaitKind::uninterruptible, [this] { return all_identified(); },
      arch::monotonic_now() + kAnswerTimeout);
}

void ConsoleDevice::interrupt() {
  uint32_t changed = 0;
  bool control = false;
  {
    IrqGuard guard(lock);
    transport_->acknowledge_interrupt();
    control = control_receive_.has_used();
    handle_control_messages();
    for (unsigned i = 0; i < port_count_; ++i) {
      if (ports_[i].receive_memory_ && ports_[i].interrupt()) changed |= 1u << i;
    }
  }
  if (control) control_event_.wake_all();
  for (unsigned i = 0; i < port_count_; ++i) {
    if (!control && !(changed >> i & 1)) continue;
    ConsolePort& port = ports_[i];
    if (port.input_handler_) port.input_handler_(port.input_context_);
    port.readable_.wake_all();
    port.writable_.wake_all();
  }
}

void ConsoleDevice::interrupt_entry(void* device) {
  static_cast<ConsoleDevice*>(device)->interrupt();
}

void ConsoleDevice::drain() {
  Nanoseconds deadline = arch::monotonic_now() + kDrainTimeout;
  for (ConsolePort& port : std::span(ports_, port_count_)) {
    while (!port.is_drained() && arch::monotonic_now() < deadline) arch::cpu_relax();
  }
}

void init_console() {
  auto transport = find_device(kConsoleDeviceId);
  if (!transport && transport.error() == Errno::nodev) return;
  if (!transport || !console_device.start(std::move(*transport))) {
    return log_warning("virtio-console: cannot be started");
  }
  console_device.wait_for_ports();
  arch::set_power_off_hook([] { console_device.drain(); });
}

std::span<ConsolePort> console_ports() { return {console_device.ports(), kMaxConsolePorts}; }

}  // namespace tine::virtio
