// SPDX-License-Identifier: MIT
//
// Configuration space through the ports 0xcf8 (address) and 0xcfc (data). Every PC with a PCI bus
// has them, and they reach the first 256 bytes of each function, where all that drivers here look
// for lies; so the memory-mapped way (ACPI's MCFG) is not used. microvm has no bus behind the
// ports.
#include "arch/pci.h"
#include "arch/x86_64/cpu/instructions.h"

namespace tine::arch {

namespace {

constexpr uint16_t kAddressPort = 0xcf8, kDataPort = 0xcfc;
constexpr uint32_t kEnable = 1u << 31;

void select(PciAddress address, unsigned offset) {
  x86::out32(kAddressPort, kEnable | uint32_t{address.bus} << 16 | uint32_t{address.device} << 11 |
                               uint32_t{address.function} << 8 | offset);
}

}  // namespace

// The address port is a register that keeps what is written; a port that is not there does not.
bool pci_exists() {
  x86::out32(kAddressPort, kEnable);
  return x86::in32(kAddressPort) == kEnable;
}

uint32_t pci_read(PciAddress address, unsigned offset) {
  select(address, offset);
  return x86::in32(kDataPort);
}

void pci_write(PciAddress address, unsigned offset, uint32_t value) {
  select(address, offset);
  x86::out32(kDataPort, value);
}

}  // namespace tine::arch
