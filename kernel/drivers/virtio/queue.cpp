// SPDX-License-Identifier: MIT
//
// The ring operations of a virtqueue, with the fences that the device's view of memory needs: a
// descriptor before its place in the ring, the ring before the index, the index before the question
// whether the device wants to be told. The device is trusted no further than an index can harm: a
// buffer number outside the queue is ignored.
#include "drivers/virtio/queue.h"

#include "arch/page_table.h"

namespace tine::virtio {

namespace {

constexpr uint16_t kDeviceWrites = 2;  // descriptor.flags
constexpr uint16_t kNoInterrupt = 1;   // available.flags
constexpr uint16_t kNoNotify = 1;      // used.flags

}  // namespace

bool VirtQueue::set_up(Transport& device, unsigned index, Memory& memory) {
  memory_ = &memory;
  index_ = index;
  return device.set_up_queue(index, kSize, arch::direct_map_to_phys(memory.descriptors),
                             arch::direct_map_to_phys(&memory.available),
                             arch::direct_map_to_phys(&memory.used));
}

void VirtQueue::give(unsigned number, PhysAddr address, uint32_t length, bool device_writes) {
  memory_->descriptors[number] = {.address = address.value,
                                  .length = length,
                                  .flags = static_cast<uint16_t>(device_writes ? kDeviceWrites : 0),
                                  .next = 0};
  uint16_t at = memory_->available.index;
  memory_->available.ring[at % kSize] = static_cast<uint16_t>(number);
  std::atomic_ref(memory_->available.index)
      .store(static_cast<uint16_t>(at + 1), std::memory_order_release);
}

void VirtQueue::notify(Transport& device) {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!(std::atomic_ref(memory_->used.flags).load(std::memory_order_relaxed) & kNoNotify)) {
    device.notify(index_);
  }
}

bool VirtQueue::has_used() const {
  return std::atomic_ref(memory_->used.index).load(std::memory_order_acquire) != next_used_;
}

std::optional<VirtQueue::Used> VirtQueue::take() {
  while (has_used()) {
    Memory::UsedElement element = memory_->used.ring[next_used_++ % kSize];
    if (element.id < kSize) return Used{element.id, element.length};
  }
  return std::nullopt;
}

void VirtQueue::want_interrupts(bool wanted) {
  memory_->available.flags = wanted ? 0 : kNoInterrupt;
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

}  // namespace tine::virtio
