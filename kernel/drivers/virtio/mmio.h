// SPDX-License-Identifier: MIT
//
// The virtio-mmio transport (virtio 1.2, section 4.2), version 2 only: registers of one device, in
// the window in which microvm's devices lie.
#pragma once

#include "drivers/registers.h"
#include "drivers/virtio/transport.h"

namespace tine::virtio {

class MmioTransport final : public Transport {
 public:
  static constexpr const char* kCacheName = "virtio_mmio";

  static Result<Owned<Transport>> find(uint32_t device_id);
  explicit MmioTransport(unsigned slot);

  Result<void> connect_interrupt(arch::InterruptHandler handler, void* context) override;
  bool set_up_queue(unsigned index, unsigned size, PhysAddr descriptors, PhysAddr available,
                    PhysAddr used) override;
  void notify(unsigned queue) override;
  void acknowledge_interrupt() override;
  uint32_t config(unsigned offset) const override;

 private:
  uint32_t status() const override;
  void set_status(uint32_t bits) override;
  uint32_t offered_features(uint32_t half) const override;
  void accept_features(uint32_t half, uint32_t features) override;

  Registers registers_;
  unsigned line_;
};

}  // namespace tine::virtio
