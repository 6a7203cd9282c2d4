// SPDX-License-Identifier: MIT
//
// Reading of configuration space, and MSI-X. Interrupt pins are not used: which line of which
// controller one leads to stands only in ACPI's byte code.
#include "drivers/pci/function.h"

#include "drivers/registers.h"

namespace tine::pci {

namespace {

constexpr unsigned kCommandAndStatus = 0x04, kFirstBaseAddress = 0x10, kSecondaryBus = 0x19,
                   kCapabilities = 0x34;
constexpr uint32_t kMemorySpace = 1u << 1, kBusMaster = 1u << 2;
constexpr uint32_t kHasCapabilities = 1u << (16 + 4);  // of the status in the upper half
constexpr unsigned kBaseAddresses = 6;
constexpr uint32_t kInPortSpace = 1u << 0, kIs64Bit = 2u << 1, kTypeMask = 3u << 1;

constexpr uint8_t kMsixCapability = 0x11;
constexpr uint32_t kMsixEnable = 1u << 31, kMsixMaskAll = 1u << 30;
enum MsixEntry : unsigned {
  kEntryAddress = 0,
  kEntryData = 8,
  kEntryControl = 12,
  kEntrySize = 16
};

}  // namespace

std::optional<uint8_t> Function::secondary_bus() const {
  constexpr uint8_t kBridge = 1;
  if ((read<uint8_t>(kHeaderType) & 0x7f) != kBridge) return std::nullopt;
  return read<uint8_t>(kSecondaryBus);
}

Result<PhysAddr> Function::memory(unsigned index) const {
  if (index >= kBaseAddresses) return Errno::nodev;
  const unsigned offset = kFirstBaseAddress + 4 * index;
  const auto low = read<uint32_t>(offset);
  uint64_t address = low & ~0xfu;
  if (low & kInPortSpace) return Errno::nodev;
  if ((low & kTypeMask) == kIs64Bit) {
    if (index + 1 >= kBaseAddresses) return Errno::nodev;
    address |= uint64_t{read<uint32_t>(offset + 4)} << 32;
  }
  if (address == 0) return Errno::nodev;
  return PhysAddr(address);
}

void Function::enable() const {
  uint32_t command = read<uint16_t>(kCommandAndStatus);  // zeros leave the status as it is
  write_word(kCommandAndStatus, command | kMemorySpace | kBusMaster);
}

Result<void> Function::connect_interrupt(arch::InterruptHandler handler, void* context) const {
  const unsigned capability = CapabilityWalk(*this).next(kMsixCapability);
  if (capability == 0) return Errno::nodev;
  const auto table = read<uint32_t>(capability + 4);  // which base address, and where from there
  const PhysAddr place = TRY(memory(table & 7)) + (table & ~7u);
  const Registers entry(TRY(arch::map_device(place, kEntrySize)));
  const auto message = TRY(arch::connect_message_interrupt(handler, context));
  entry.write_halves(kEntryAddress, message.address);
  entry.write<uint32_t>(kEntryData, message.data);
  entry.write<uint32_t>(kEntryControl, 0);  // not masked
  write_word(capability, (read<uint32_t>(capability) & ~kMsixMaskAll) | kMsixEnable);
  return {};
}

CapabilityWalk::CapabilityWalk(const Function& function)
    : function_(function),
      at_(function.read<uint32_t>(kCommandAndStatus) & kHasCapabilities
              ? function.read<uint8_t>(kCapabilities) & ~3u
              : 0) {}

unsigned CapabilityWalk::next(uint8_t id) {
  while (at_ >= 0x40 && left_ > 0) {
    --left_;
    const unsigned found = at_;
    at_ = function_.read<uint8_t>(found + 1) & ~3u;
    if (function_.read<uint8_t>(found) == id) return found;
  }
  return 0;
}

}  // namespace tine::pci
