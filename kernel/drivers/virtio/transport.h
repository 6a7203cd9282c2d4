// SPDX-License-Identifier: MIT
//
// How a driver reaches its virtio device (virtio 1.2, chapter 4): one interface, and two buses
// behind it: MmioTransport (microvm) and PciTransport (q35). Drivers know this header alone.
//
// A transport lives as long as the driver that found it, and owns nothing of the device's. Calls
// are serialised by the driver's lock; the interrupt's handler is the driver's.
#pragma once

#include <cstdint>

#include "arch/interrupt.h"
#include "core/ref.h"
#include "core/result.h"
#include "core/types.h"

namespace tine::virtio {

class Transport : public HeapAllocated {
 public:
  virtual ~Transport() = default;

  // In this order (3.1). Resets the device, offers it `wanted` and version 1; what both accept. 0:
  // it refuses.
  uint64_t negotiate(uint64_t wanted);
  // For used buffers of any queue; changes of the configuration make none that could not be missed.
  virtual Result<void> connect_interrupt(arch::InterruptHandler handler, void* context) = 0;
  // False: the device has no such queue, or one that is too short.
  virtual bool set_up_queue(unsigned index, unsigned size, PhysAddr descriptors, PhysAddr available,
                            PhysAddr used) = 0;
  // From here on the device uses its queues.
  void start();

  virtual void notify(unsigned queue) = 0;
  // The handler's first act.
  virtual void acknowledge_interrupt() = 0;
  // Of the fields that belong to the kind of device, the word at this offset.
  virtual uint32_t config(unsigned offset) const = 0;

 private:
  virtual uint32_t status() const = 0;
  virtual void set_status(uint32_t bits) = 0;  // 0: resets, and waits until that is done
  virtual uint32_t offered_features(uint32_t half) const = 0;
  virtual void accept_features(uint32_t half, uint32_t features) = 0;
};

inline constexpr uint32_t kConsoleDeviceId = 3;

// The first device of a kind, on whichever bus this machine has. NODEV: there is none; NOMEM.
Result<Owned<Transport>> find_device(uint32_t device_id);

}  // namespace tine::virtio
