// SPDX-License-Identifier: MIT
//
// A split virtqueue (virtio 1.2, section 2.7) of single-buffer requests: buffer number i always
// uses descriptor i, so there is nothing to allocate. The driver that owns the queue serialises its
// calls and owns the buffers; the queue's memory is given to it once and kept.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "core/types.h"
#include "drivers/virtio/transport.h"

namespace tine::virtio {

class VirtQueue {
 public:
  static constexpr unsigned kSize = 32;

  struct Memory {  // zeroed, physically contiguous
    struct Descriptor {
      uint64_t address;
      uint32_t length;
      uint16_t flags, next;
    };
    struct UsedElement {
      uint32_t id, length;
    };
    alignas(16) Descriptor descriptors[kSize];
    struct {
      uint16_t flags, index, ring[kSize], used_event;
    } available;
    alignas(4) struct {
      uint16_t flags, index;
      UsedElement ring[kSize];
      uint16_t event;
    } used;
  };
  static_assert(sizeof(Memory) <= 1024);

  struct Used {
    unsigned buffer;
    uint32_t length;
  };

  // False: the device has no such queue.
  bool set_up(Transport& device, unsigned index, Memory& memory);
  // Hands buffer `number` (< kSize) to the device; it must not be there already.
  void give(unsigned number, PhysAddr address, uint32_t length, bool device_writes);
  // Tells the device that there is something, unless it has asked not to be told.
  void notify(Transport& device);
  // The next buffer that the device has finished with.
  std::optional<Used> take();
  bool has_used() const;
  void want_interrupts(bool wanted);

 private:
  Memory* memory_ = nullptr;
  unsigned index_ = 0;
  uint16_t next_used_ = 0;
};

}  // namespace tine::virtio
