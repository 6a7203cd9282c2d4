// SPDX-License-Identifier: MIT
//
// Registers of the virtio-mmio transport, all of 32 bits. A reset is done when its write is.
#include "drivers/virtio/mmio.h"

#include "arch/page_table.h"
#include "mm/heap.h"

namespace tine::virtio {

namespace {

// microvm names its devices only in ACPI's byte code; their place is fixed all the same.
constexpr PhysAddr kWindow{0xfeb0'0000};
constexpr unsigned kSlots = 24;  // some of them empty
constexpr uint64_t kSlotSize = 0x200;
constexpr unsigned kFirstLine = 24;

constexpr uint32_t kMagicValue = 0x7472'6976;  // "virt"
constexpr uint32_t kVersion2 = 2;

enum Register : unsigned {
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

Registers registers_of(unsigned slot) {
  return Registers(arch::direct_map<volatile char>(kWindow + slot * kSlotSize));
}

// 0: no device in this slot.
uint32_t device_id_in(unsigned slot) {
  const Registers registers = registers_of(slot);
  const bool known = registers.read<uint32_t>(kMagic) == kMagicValue &&
                     registers.read<uint32_t>(kVersion) == kVersion2;
  return known ? registers.read<uint32_t>(kDeviceId) : 0;
}

}  // namespace

// QEMU fills the window from the top.
Result<Owned<Transport>> MmioTransport::find(uint32_t device_id) {
  for (unsigned slot = kSlots; slot-- > 0;) {
    if (device_id_in(slot) == device_id) return TRY(make<MmioTransport>(slot));
  }
  return Errno::nodev;
}

MmioTransport::MmioTransport(unsigned slot)
    : registers_(registers_of(slot)), line_(kFirstLine + slot) {}

Result<void> MmioTransport::connect_interrupt(arch::InterruptHandler handler, void* context) {
  return arch::connect_interrupt(line_, arch::Trigger::level, handler, context);
}

bool MmioTransport::set_up_queue(unsigned index, unsigned size, PhysAddr descriptors,
                                 PhysAddr available, PhysAddr used) {
  registers_.write<uint32_t>(kQueueSelect, index);
  if (registers_.read<uint32_t>(kQueueSizeMax) < size) return false;
  registers_.write<uint32_t>(kQueueSize, size);
  registers_.write_halves(kQueueDescriptors, descriptors.value);
  registers_.write_halves(kQueueDriver, available.value);
  registers_.write_halves(kQueueDevice, used.value);
  registers_.write<uint32_t>(kQueueReady, 1);
  return true;
}

void MmioTransport::notify(unsigned queue) { registers_.write<uint32_t>(kQueueNotify, queue); }

void MmioTransport::acknowledge_interrupt() {
  registers_.write<uint32_t>(kInterruptAcknowledge, registers_.read<uint32_t>(kInterruptStatus));
}

uint32_t MmioTransport::config(unsigned offset) const {
  return registers_.read<uint32_t>(kConfig + offset);
}

uint32_t MmioTransport::status() const { return registers_.read<uint32_t>(kStatus); }
void MmioTransport::set_status(uint32_t bits) { registers_.write<uint32_t>(kStatus, bits); }

uint32_t MmioTransport::offered_features(uint32_t half) const {
  registers_.write<uint32_t>(kDeviceFeaturesSelect, half);
  return registers_.read<uint32_t>(kDeviceFeatures);
}

void MmioTransport::accept_features(uint32_t half, uint32_t features) {
  registers_.write<uint32_t>(kDriverFeaturesSelect, half);
  registers_.write<uint32_t>(kDriverFeatures, features);
}

}  // namespace tine::virtio
