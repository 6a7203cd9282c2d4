// SPDX-License-Identifier: MIT
//
// What is the same on every bus: the order that the specification's "device initialization" (3.1)
// prescribes. A device that does not answer as it should is left alone.
#include "drivers/virtio/transport.h"

#include "arch/pci.h"
#include "drivers/virtio/mmio.h"
#include "drivers/virtio/pci.h"

namespace tine::virtio {

namespace {

constexpr uint64_t kFeatureVersion1 = 1ull << 32;
enum Status : uint32_t { kAcknowledged = 1, kDriver = 2, kDriverOk = 4, kFeaturesOk = 8 };

}  // namespace

uint64_t Transport::negotiate(uint64_t wanted) {
  set_status(0);
  set_status(kAcknowledged | kDriver);
  uint64_t offered = 0;
  for (uint32_t half = 0; half < 2; ++half) {
    offered |= uint64_t{offered_features(half)} << (32 * half);
  }
  uint64_t accepted = offered & (wanted | kFeatureVersion1);
  if (!(accepted & kFeatureVersion1)) return 0;
  for (uint32_t half = 0; half < 2; ++half) {
    accept_features(half, static_cast<uint32_t>(accepted >> (32 * half)));
  }
  set_status(kAcknowledged | kDriver | kFeaturesOk);
  return status() & kFeaturesOk ? accepted : 0;
}

void Transport::start() { set_status(kAcknowledged | kDriver | kFeaturesOk | kDriverOk); }

// The window of virtio-mmio is microvm's. Where there is a PCI bus, anything may lie at its place.
Result<Owned<Transport>> find_device(uint32_t device_id) {
  return arch::pci_exists() ? PciTransport::find(device_id) : MmioTransport::find(device_id);
}

}  // namespace tine::virtio
