// SPDX-License-Identifier: MIT
//
// Register blocks of a virtio-pci device. Each is described by capabilities of vendor-specific
// kind; where there are several for one block, any that can be used will do, and this takes the
// first.
#include "drivers/virtio/pci.h"

#include "arch/cpu.h"
#include "mm/heap.h"

namespace tine::virtio {

namespace {

constexpr uint16_t kVendor = 0x1af4;
constexpr uint16_t kFirstDevice = 0x1040;  // plus the kind
// Devices that also have the legacy interface: the kind is the subsystem's id.
constexpr uint16_t kFirstTransitional = 0x1000, kLastTransitional = 0x103f;

constexpr uint8_t kVendorCapability = 0x09;
enum CapabilityField : unsigned {  // struct virtio_pci_cap, 4.1.4
  kBlockKind = 3,
  kBaseAddress = 4,
  kBlockOffset = 8,
  kBlockLength = 12,
  kDoorbellStride = 16,
};
enum class Block : uint8_t { common = 1, doorbells = 2, config = 4 };
constexpr uint32_t kLongestBlock = 1u << 20;

enum CommonField : unsigned {  // struct virtio_pci_common_cfg, 4.1.4.3
  kDeviceFeaturesSelect = 0,
  kDeviceFeatures = 4,
  kDriverFeaturesSelect = 8,
  kDriverFeatures = 12,
  kQueueCount = 18,
  kStatus = 20,
  kQueueSelect = 22,
  kQueueSize = 24,
  kQueueVector = 26,
  kQueueEnable = 28,
  kQueueDoorbell = 30,
  kQueueDescriptors = 32,
  kQueueDriver = 40,
  kQueueDevice = 48,
  kCommonLength = 56,
};
constexpr uint16_t kVector = 0;

uint32_t kind_of(const pci::Function& function) {
  if (function.vendor_id() != kVendor) return 0;
  const uint16_t id = function.device_id();
  if (id >= kFirstTransitional && id <= kLastTransitional) return function.subsystem_id();
  return id >= kFirstDevice ? id - kFirstDevice : 0;
}

// The offset of the first capability that describes this block; 0: there is none.
unsigned find_block(const pci::Function& function, Block block) {
  pci::CapabilityWalk walk(function);
  for (;;) {
    const unsigned at = walk.next(kVendorCapability);
    if (at == 0 || function.read<uint8_t>(at + kBlockKind) == static_cast<uint8_t>(block))
      return at;
  }
}

Result<Registers> map_block(const pci::Function& function, unsigned capability, uint32_t least) {
  if (capability == 0) return Errno::nodev;
  const auto length = function.read<uint32_t>(capability + kBlockLength);
  if (length < least || length > kLongestBlock) return Errno::nodev;
  const PhysAddr memory = TRY(function.memory(function.read<uint8_t>(capability + kBaseAddress)));
  const auto offset = function.read<uint32_t>(capability + kBlockOffset);
  return Registers(TRY(arch::map_device(memory + offset, length)));
}

}  // namespace

Result<Owned<Transport>> PciTransport::find(uint32_t device_id) {
  const auto function = pci::find_function(
      [device_id](const pci::Function& candidate) { return kind_of(candidate) == device_id; });
  if (!function) return Errno::nodev;
  auto transport = TRY(make<PciTransport>(*function));
  TRY(transport->map_registers());
  function->enable();
  return transport;
}

Result<void> PciTransport::map_registers() {
  const unsigned doorbells = find_block(function_, Block::doorbells);
  common_ = TRY(map_block(function_, find_block(function_, Block::common), kCommonLength));
  doorbells_ = TRY(map_block(function_, doorbells, sizeof(uint16_t)));
  config_ = TRY(map_block(function_, find_block(function_, Block::config), sizeof(uint32_t)));
  doorbell_stride_ = function_.read<uint32_t>(doorbells + kDoorbellStride);
  return {};
}

Result<void> PciTransport::connect_interrupt(arch::InterruptHandler handler, void* context) {
  return function_.connect_interrupt(handler, context);
}

// The device says that it could not map an event to a vector by not keeping the number.
bool PciTransport::set_up_queue(unsigned index, unsigned size, PhysAddr descriptors,
                                PhysAddr available, PhysAddr used) {
  if (index >= kMaxQueues || index >= common_.read<uint16_t>(kQueueCount)) return false;
  common_.write<uint16_t>(kQueueSelect, static_cast<uint16_t>(index));
  if (common_.read<uint16_t>(kQueueSize) < size) return false;
  common_.write<uint16_t>(kQueueSize, static_cast<uint16_t>(size));
  common_.write<uint16_t>(kQueueVector, kVector);
  if (common_.read<uint16_t>(kQueueVector) != kVector) return false;
  doorbell_numbers_[index] = common_.read<uint16_t>(kQueueDoorbell);
  common_.write_halves(kQueueDescriptors, descriptors.value);
  common_.write_halves(kQueueDriver, available.value);
  common_.write_halves(kQueueDevice, used.value);
  common_.write<uint16_t>(kQueueEnable, 1);
  return true;
}

void PciTransport::notify(unsigned queue) {
  doorbells_.write<uint16_t>(doorbell_numbers_[queue] * doorbell_stride_,
                             static_cast<uint16_t>(queue));
}

// A message needs no answer.
void PciTransport::acknowledge_interrupt() {}

uint32_t PciTransport::config(unsigned offset) const { return config_.read<uint32_t>(offset); }

uint32_t PciTransport::status() const { return common_.read<uint8_t>(kStatus); }

// A device that never finishes its reset is not waited for; it will refuse what comes next.
void PciTransport::set_status(uint32_t bits) {
  constexpr int kPatience = 100'000;
  common_.write<uint8_t>(kStatus, static_cast<uint8_t>(bits));
  if (bits != 0) return;
  for (int tries = 0; tries < kPatience && status() != 0; ++tries) arch::cpu_relax();
}

uint32_t PciTransport::offered_features(uint32_t half) const {
  common_.write<uint32_t>(kDeviceFeaturesSelect, half);
  return common_.read<uint32_t>(kDeviceFeatures);
}

void PciTransport::accept_features(uint32_t half, uint32_t features) {
  common_.write<uint32_t>(kDriverFeaturesSelect, half);
  common_.write<uint32_t>(kDriverFeatures, features);
}

}  // namespace tine::virtio
