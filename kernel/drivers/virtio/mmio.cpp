// SPDX-License-Identifier: MIT
//
// Register sequences of the virtio-mmio transport, in the order that the specification's "device
// initialization" (3.1) prescribes. A device that does not answer as it should is left alone.
#include "drivers/virtio/mmio.h"

#include "arch/page_table.h"

namespace tine::virtio {

namespace {

// microvm names its devices only in ACPI's byte code; their place is fixed all the same.
constexpr PhysAddr kWindow{0xfeb0'0000};
constexpr uint64_t kSlotSize = 0x200;
constexpr unsigned kFirstLine = 24;

constexpr uint32_t kMagicValue = 0x7472'6976;  // "virt"
constexpr uint64_t kFeatureVersion1 = 1ull << 32;
enum Status : uint32_t { kAcknowledged = 1, kDriver = 2, kDriverOk = 4, kFeaturesOk = 8 };

}  // namespace

VirtioDevice::VirtioDevice(unsigned slot)
    : registers_(arch::direct_map<volatile uint32_t>(kWindow + slot * kSlotSize)),
      line_(kFirstLine + slot) {}

uint32_t VirtioDevice::device_id() const {
  return read(kMagic) == kMagicValue && read(kVersion) == 2 ? read(kDeviceId) : 0;
}

uint64_t VirtioDevice::negotiate(uint64_t wanted) {
  write(kStatus, 0);
  write(kStatus, kAcknowledged | kDriver);
  uint64_t offered = 0;
  for (uint32_t half = 0; half < 2; ++half) {
    write(kDeviceFeaturesSelect, half);
    offered |= uint64_t{read(kDeviceFeatures)} << (32 * half);
  }
  uint64_t accepted = offered & (wanted | kFeatureVersion1);
  if (!(accepted & kFeatureVersion1)) return 0;
  for (uint32_t half = 0; half < 2; ++half) {
    write(kDriverFeaturesSelect, half);
    write(kDriverFeatures, static_cast<uint32_t>(accepted >> (32 * half)));
  }
  write(kStatus, kAcknowledged | kDriver | kFeaturesOk);
  return read(kStatus) & kFeaturesOk ? accepted : 0;
}

void VirtioDevice::write_address(uint32_t offset, PhysAddr address) {
  write(offset, static_cast<uint32_t>(address.value));
  write(offset + 4, static_cast<uint32_t>(address.value >> 32));
}

bool VirtioDevice::set_up_queue(unsigned index, unsigned size, PhysAddr descriptors,
                                PhysAddr available, PhysAddr used) {
  write(kQueueSelect, index);
  if (read(kQueueSizeMax) < size) return false;
  write(kQueueSize, size);
  write_address(kQueueDescriptors, descriptors);
  write_address(kQueueDriver, available);
  write_address(kQueueDevice, used);
  write(kQueueReady, 1);
  return true;
}

void VirtioDevice::start() { write(kStatus, kAcknowledged | kDriver | kFeaturesOk | kDriverOk); }

}  // namespace tine::virtio
