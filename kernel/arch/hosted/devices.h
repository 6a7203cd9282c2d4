// SPDX-License-Identifier: MIT
//
// The simulated machine's PCI bus, for tests of drivers: configuration spaces that a test fills in,
// registers that are plain memory, and messages that a test delivers in a device's place. Empty
// after boot_machine(); nothing here can fail.
#pragma once

#include <cstdint>
#include <cstring>

#include "arch/pci.h"

namespace tine::arch::hosted {

struct PciConfig {
  uint8_t bytes[256] = {};

  template <class T>
  void set(unsigned offset, T value) {
    memcpy(bytes + offset, &value, sizeof value);
  }
  template <class T>
  T get(unsigned offset) const {
    T value;
    memcpy(&value, bytes + offset, sizeof value);
    return value;
  }
};

// The configuration of the function at `address`, all zeros when asked for first. From then on the
// function is there, and what it holds lives until the next boot_machine().
PciConfig& pci_function(PciAddress address);
void remove_devices();

// Calls the handler behind a message, as a device's write of it does. An unknown one ends the test.
void deliver_message(uint64_t address, uint32_t data);

}  // namespace tine::arch::hosted
