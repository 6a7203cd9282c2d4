// SPDX-License-Identifier: MIT
//
// PCI functions as firmware has left them: found, placed in memory, numbered. (PCI Local Bus 3.0,
// chapter 6.) A Function is an address: it owns nothing. Used only while drivers start, by one
// thread. Devices come from the hypervisor, but a list of capabilities that runs in circles, or a
// register block that lies nowhere, ends a driver's start and not the kernel.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>

#include "arch/pci.h"
#include "core/result.h"

namespace tine::pci {

class Function {
 public:
  constexpr explicit Function(arch::PciAddress address) : address_(address) {}

  // A field of configuration space, aligned to its width.
  template <std::unsigned_integral T>
  T read(unsigned offset) const {
    return static_cast<T>(arch::pci_read(address_, offset & ~3u) >> 8 * (offset & 3));
  }
  void write_word(unsigned offset, uint32_t value) const {
    arch::pci_write(address_, offset, value);
  }

  arch::PciAddress address() const { return address_; }
  bool exists() const { return vendor_id() != 0xffff; }
  uint16_t vendor_id() const { return read<uint16_t>(0x00); }
  uint16_t device_id() const { return read<uint16_t>(0x02); }
  uint16_t subsystem_id() const { return read<uint16_t>(0x2e); }
  bool has_more_functions() const { return read<uint8_t>(kHeaderType) & 0x80; }
  // The bus behind it, if it is a bridge.
  std::optional<uint8_t> secondary_bus() const;

  // Where the memory of base address register `index` lies. NODEV: it is none, or lies nowhere.
  Result<PhysAddr> memory(unsigned index) const;
  // Lets it answer at its addresses, and reach memory and interrupt by itself.
  void enable() const;
  // The interrupt of the one MSI-X vector that drivers here use, number 0, which is enabled. NODEV:
  // it has no MSI-X. And what arch::map_device() and connect_message_interrupt() say.
  Result<void> connect_interrupt(arch::InterruptHandler handler, void* context) const;

 private:
  static constexpr unsigned kHeaderType = 0x0e;

  arch::PciAddress address_;
};

// The capabilities of a function, one after the other.
class CapabilityWalk {
 public:
  explicit CapabilityWalk(const Function& function);
  // Offset of the next one with this id; 0: there are no more.
  unsigned next(uint8_t id);

 private:
  static constexpr unsigned kMostCapabilities = (256 - 64) / 4;  // as many as there is room for

  Function function_;
  unsigned at_;
  unsigned left_ = kMostCapabilities;
};

// The first function for which `matches` is true, in the order of the buses, bridges followed.
template <std::predicate<const Function&> Predicate>
std::optional<Function> find_function(Predicate matches) {
  bool reachable[256] = {true};
  for (unsigned bus = 0; bus < 256; ++bus) {
    if (!reachable[bus]) continue;
    for (unsigned slot = 0; slot < 32 * 8; ++slot) {
      Function function({.bus = static_cast<uint8_t>(bus),
                         .device = static_cast<uint8_t>(slot / 8),
                         .function = static_cast<uint8_t>(slot % 8)});
      if (function.exists()) {
        if (matches(function)) return function;
        if (auto behind = function.secondary_bus()) reachable[*behind] = true;
      }
      if (slot % 8 == 0 && !(function.exists() && function.has_more_functions())) slot += 7;
    }
  }
  return std::nullopt;
}

}  // namespace tine::pci
