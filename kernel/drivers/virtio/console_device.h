// SPDX-License-Identifier: MIT
//
// The device behind the ports: its control queues, by which host and guest tell each other which
// ports there are, how they are called and who has opened them. One lock guards device and ports.
#pragma once

#include "drivers/virtio/console.h"

namespace tine::virtio {

class ConsoleDevice {
 public:
  // False: the device lacks what the driver needs, or memory is short.
  bool start(Owned<Transport> transport);
  void wait_for_ports();
  ConsolePort* ports() { return ports_; }

  IrqSpinLock lock{LockRank::device};
  Transport& transport() { return *transport_; }
  void send_control_locked(unsigned port, uint16_t event, uint16_t value) REQUIRES(lock);
  // Polls with interrupts off until the host has taken all output, or two seconds have passed.
  void drain();

  enum Event : uint16_t {
    kDeviceReady = 0,
    kDeviceAdd,
    kDeviceRemove,
    kPortReady,
    kConsolePort,
    kResize,
    kPortOpen,
    kPortName,
  };

 private:
  struct ControlMessage {
    uint32_t port;
    uint16_t event, value;
  };
  static constexpr unsigned kControlBufferSize = 128;

  bool set_up_queues();
  bool set_up_queue(VirtQueue& queue, unsigned index);
  void fill_control_queue() REQUIRES(lock);
  void handle_control_messages() REQUIRES(lock);
  void handle_control_message(const ControlMessage& message, std::string_view rest) REQUIRES(lock);
  bool all_identified();
  void interrupt();
  static void interrupt_entry(void* device);

  Owned<Transport> transport_;
  unsigned port_count_ = 0;
  VirtQueue::Memory* queue_memory_ = nullptr;  // next free of a frame's worth
  unsigned queue_memory_left_ = 0;
  VirtQueue control_receive_, control_send_;
  char* control_memory_ = nullptr;  // a page of receive buffers, a page of messages
  unsigned control_sent_ = 0;
  ConsolePort ports_[kMaxConsolePorts];
  WaitQueue control_event_;
};

}  // namespace tine::virtio
