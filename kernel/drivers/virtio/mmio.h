// SPDX-License-Identifier: MIT
//
// The virtio-mmio transport (virtio 1.2, section 4.2), version 2 only: registers of one device, and
// the window in which microvm's devices lie. A VirtioDevice is a view: it owns nothing, and calls
// from one driver are serialised by that driver's lock.
#pragma once

#include <cstdint>

#include "core/types.h"

namespace tine::virtio {

class VirtioDevice {
 public:
  static constexpr unsigned kSlots = 24;  // the window's, some of them empty

  VirtioDevice() = default;
  explicit VirtioDevice(unsigned slot);

  uint32_t device_id() const;  // 0: no device in this slot
  unsigned interrupt_line() const { return line_; }

  // Resets the device, offers it `wanted` and version 1; what both accept. 0: it refuses.
  uint64_t negotiate(uint64_t wanted);
  // False: the device has no such queue, or one that is too short.
  bool set_up_queue(unsigned index, unsigned size, PhysAddr descriptors, PhysAddr available,
                    PhysAddr used);
  void start();
  void notify(unsigned queue) { write(kQueueNotify, queue); }
  void acknowledge_interrupt() { write(kInterruptAcknowledge, read(kInterruptStatus)); }
  uint32_t config(unsigned offset) const { return read(kConfig + offset); }

 private:
  enum Register : uint32_t {
    kMagic = 0x000,
    kVersion = 0x004,
    kDeviceId = 0x008,
    kDeviceFeatures = 0x010,
    kDeviceFeaturesSelect = 0x014,
    kDriverFeatures = 0x020,
    kDriverFeaturesSelect = 0x024,
    kQueueSelect = 0x030,
    kQueueSizeMax = 0x034,
    kQueueSize = 0x038,
    kQueueReady = 0x044,
    kQueueNotify = 0x050,
    kInterruptStatus = 0x060,
    kInterruptAcknowledge = 0x064,
    kStatus = 0x070,
    kQueueDescriptors = 0x080,
    kQueueDriver = 0x090,
    kQueueDevice = 0x0a0,
    kConfig = 0x100,
  };
  uint32_t read(uint32_t offset) const { return registers_[offset / 4]; }
  void write(uint32_t offset, uint32_t value) { registers_[offset / 4] = value; }
  void write_address(uint32_t offset, PhysAddr address);

  volatile uint32_t* registers_ = nullptr;
  unsigned line_ = 0;
};

inline constexpr uint32_t kConsoleDeviceId = 3;

}  // namespace tine::virtio
