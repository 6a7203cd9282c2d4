// SPDX-License-Identifier: MIT
//
// See devices.h. Interrupt lines are not simulated: there is no controller for them.
#include "arch/hosted/devices.h"

#include <cstdlib>
#include <map>
#include <tuple>
#include <vector>

#include "arch/page_table.h"

namespace tine::arch {

namespace {

constexpr uint64_t kMessageAddress = 0xfee0'0000;

struct Handler {
  InterruptHandler function;
  void* context;
};

// Functions and handlers are never removed one by one, so a map keeps them in their place.
struct Devices {
  std::map<std::tuple<uint8_t, uint8_t, uint8_t>, hosted::PciConfig> functions;
  std::vector<Handler> handlers;
};

Devices& devices() {
  static Devices all;
  return all;
}

hosted::PciConfig* find(PciAddress address) {
  auto found = devices().functions.find({address.bus, address.device, address.function});
  return found == devices().functions.end() ? nullptr : &found->second;
}

}  // namespace

namespace hosted {

PciConfig& pci_function(PciAddress address) {
  return devices().functions[{address.bus, address.device, address.function}];
}

void remove_devices() { devices() = {}; }

void deliver_message(uint64_t address, uint32_t data) {
  if (address != kMessageAddress || data >= devices().handlers.size()) abort();
  const Handler handler = devices().handlers[data];
  handler.function(handler.context);
}

}  // namespace hosted

bool pci_exists() { return !devices().functions.empty(); }

uint32_t pci_read(PciAddress address, unsigned offset) {
  const hosted::PciConfig* config = find(address);
  return config ? config->get<uint32_t>(offset) : ~0u;
}

// The command register shares its word with the status, which no write of zeros changes.
void pci_write(PciAddress address, unsigned offset, uint32_t value) {
  constexpr unsigned kCommand = 4;
  hosted::PciConfig* config = find(address);
  if (config == nullptr) return;
  if (offset == kCommand) return config->set(offset, static_cast<uint16_t>(value));
  config->set(offset, value);
}

Result<volatile char*> map_device(PhysAddr start, uint64_t) {
  return direct_map<volatile char>(start);
}

Result<MessageInterrupt> connect_message_interrupt(InterruptHandler handler, void* context) {
  devices().handlers.push_back({handler, context});
  return MessageInterrupt{kMessageAddress, static_cast<uint32_t>(devices().handlers.size() - 1)};
}

Result<void> connect_interrupt(unsigned, Trigger, InterruptHandler, void*) { return Errno::nodev; }

}  // namespace tine::arch
