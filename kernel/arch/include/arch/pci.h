// SPDX-License-Identifier: MIT
//
// The machine's PCI bus: configuration space, and device registers that firmware has placed
// anywhere in physical memory. Used while drivers start, by one thread at a time, so there are no
// locks; what is mapped or connected stays for ever.
#pragma once

#include <cstdint>

#include "arch/interrupt.h"
#include "core/result.h"
#include "core/types.h"

namespace tine::arch {

struct PciAddress {
  uint8_t bus = 0, device = 0, function = 0;
  constexpr bool operator==(const PciAddress&) const = default;
};

// The first 256 bytes of a function's space: `offset` is a multiple of 4 below that. A function
// that is not there reads as all ones.
bool pci_exists();
uint32_t pci_read(PciAddress address, unsigned offset);
void pci_write(PciAddress address, unsigned offset, uint32_t value);

// Makes a device's memory accessible, uncached. NOMEM: no page table for it.
Result<volatile char*> map_device(PhysAddr start, uint64_t length);

// What a device writes where to interrupt (MSI, MSI-X).
struct MessageInterrupt {
  uint64_t address;
  uint32_t data;
};
// NOSPC: all vectors for such devices are taken; NODEV: no CPU can be named in such a message.
Result<MessageInterrupt> connect_message_interrupt(InterruptHandler handler, void* context);

}  // namespace tine::arch
