// SPDX-License-Identifier: MIT
//
// The virtio-pci transport (virtio 1.2, section 4.1), without its legacy interface: four blocks of
// registers, which capabilities of the PCI function place in its memory, and one MSI-X interrupt.
// Firmware must have given the function its addresses.
#pragma once

#include "drivers/pci/function.h"
#include "drivers/registers.h"
#include "drivers/virtio/transport.h"

namespace tine::virtio {

class PciTransport final : public Transport {
 public:
  static constexpr const char* kCacheName = "virtio_pci";

  // NODEV also: the first device of the kind has only the legacy interface.
  static Result<Owned<Transport>> find(uint32_t device_id);
  explicit PciTransport(const pci::Function& function) : function_(function) {}

  Result<void> connect_interrupt(arch::InterruptHandler handler, void* context) override;
  bool set_up_queue(unsigned index, unsigned size, PhysAddr descriptors, PhysAddr available,
                    PhysAddr used) override;
  void notify(unsigned queue) override;
  void acknowledge_interrupt() override;
  uint32_t config(unsigned offset) const override;

 private:
  static constexpr unsigned kMaxQueues = 64;

  Result<void> map_registers();
  uint32_t status() const override;
  void set_status(uint32_t bits) override;
  uint32_t offered_features(uint32_t half) const override;
  void accept_features(uint32_t half, uint32_t features) override;

  pci::Function function_;
  Registers common_, doorbells_, config_;
  uint32_t doorbell_stride_ = 0;                // bytes between two queues' doorbells
  uint16_t doorbell_numbers_[kMaxQueues] = {};  // by queue
};

}  // namespace tine::virtio
