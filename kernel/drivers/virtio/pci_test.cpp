// SPDX-License-Identifier: MIT
//
// The virtio-pci transport against a device whose registers are plain memory: what it reads where,
// what it leaves there, and which devices it refuses. Such a device shows the same features in both
// halves, and keeps what is written.
#include "drivers/virtio/pci.h"

#include <gtest/gtest.h>

#include "arch/hosted/devices.h"
#include "mm/frame.h"
#include "mm/testing.h"

namespace tine::virtio {
namespace {

using arch::hosted::PciConfig;

// A console with its blocks in one frame: common at 0, device at 0x100, MSI-X table at 0x200,
// doorbells at 0x400, 4 bytes from queue to queue.
class FakeDevice {
 public:
  FakeDevice() : frame_(mm::take_frame(mm::FrameKind::kernel)) {
    memset(mm::frame_data(*frame_), 0, kPageSize);
    config.set<uint16_t>(0x00, 0x1af4);
    config.set<uint16_t>(0x02, 0x1043);
    config.set<uint16_t>(0x06, 1u << 4);
    config.set<uint32_t>(0x20, static_cast<uint32_t>(mm::frame_address(*frame_).value));
    config.set<uint8_t>(0x34, 0x40);
    add_block(0x40, 0x60, 1, 0, 56);
    add_block(0x60, 0x80, 2, 0x400, 0x100);
    config.set<uint32_t>(0x70, 4);
    add_block(0x80, 0xa0, 4, 0x100, 16);
    config.set<uint8_t>(0xa0, 0x11);
    config.set<uint32_t>(0xa4, 0x204);
    registers().write<uint32_t>(4, 0b11);    // features: 0, 1, 32 and 33
    registers().write<uint16_t>(18, 8);      // queues
    registers().write<uint16_t>(24, 64);     // their size
    registers().write<uint16_t>(30, 5);      // the doorbell of each
    registers().write<uint16_t>(0x104, 31);  // of the device's own configuration
  }
  ~FakeDevice() { mm::put_frame(*frame_); }

  void add_block(uint8_t at, uint8_t next, uint8_t kind, uint32_t offset, uint32_t length) {
    config.set<uint8_t>(at, 0x09);
    config.set<uint8_t>(at + 1u, next);
    config.set<uint8_t>(at + 3u, kind);
    config.set<uint8_t>(at + 4u, 4);
    config.set<uint32_t>(at + 8u, offset);
    config.set<uint32_t>(at + 12u, length);
  }
  Registers registers() { return Registers(mm::frame_data<volatile char>(*frame_)); }

  PciConfig& config = arch::hosted::pci_function({.device = 3});

 private:
  mm::Frame* frame_;
};

class VirtioPci : public testing::Test {
 protected:
  mm::MemoryMachine machine_{16ull << 20};
  FakeDevice device_;
};

constexpr PhysAddr kDescriptors{0x1'2345'6000}, kAvailable{0x7000}, kUsed{0x2'0000'0000};

TEST_F(VirtioPci, IsSetUpInTheOrderOfTheSpecification) {
  auto transport = *PciTransport::find(kConsoleDeviceId);
  const Registers registers = device_.registers();
  EXPECT_EQ(device_.config.get<uint16_t>(0x04) & 6, 6);
  EXPECT_EQ(transport->negotiate(1u << 1), 1ull << 32 | 1u << 1);
  EXPECT_EQ(registers.read<uint8_t>(20), 1 | 2 | 8);
  EXPECT_EQ(registers.read<uint32_t>(8), 1u);  // the upper half was accepted last
  EXPECT_EQ(registers.read<uint32_t>(12), 1u);
  EXPECT_EQ(transport->config(4), 31u);
  ASSERT_TRUE(transport->connect_interrupt([](void*) {}, nullptr));

  ASSERT_TRUE(transport->set_up_queue(6, 32, kDescriptors, kAvailable, kUsed));
  EXPECT_EQ(registers.read<uint16_t>(22), 6);
  EXPECT_EQ(registers.read<uint16_t>(24), 32);
  EXPECT_EQ(registers.read<uint16_t>(26), 0);
  EXPECT_EQ(registers.read<uint16_t>(28), 1);
  EXPECT_EQ(registers.read<uint64_t>(32), kDescriptors.value);
  EXPECT_EQ(registers.read<uint64_t>(40), kAvailable.value);
  EXPECT_EQ(registers.read<uint64_t>(48), kUsed.value);
  transport->start();
  EXPECT_EQ(registers.read<uint8_t>(20), 1 | 2 | 4 | 8);
  transport->notify(6);
  EXPECT_EQ(registers.read<uint16_t>(0x400 + 5 * 4), 6);
}

TEST_F(VirtioPci, QueuesThatAreMissingOrTooShortAreRefused) {
  auto transport = *PciTransport::find(kConsoleDeviceId);
  EXPECT_FALSE(transport->set_up_queue(8, 32, kDescriptors, kAvailable, kUsed));
  EXPECT_FALSE(transport->set_up_queue(0, 128, kDescriptors, kAvailable, kUsed));
  device_.registers().write<uint16_t>(18, 0xffff);  // more than a driver can use
  EXPECT_FALSE(transport->set_up_queue(64, 32, kDescriptors, kAvailable, kUsed));
}

TEST_F(VirtioPci, ADeviceWithoutVersion1IsRefused) {
  auto transport = *PciTransport::find(kConsoleDeviceId);
  device_.registers().write<uint32_t>(4, 0b10);
  EXPECT_EQ(transport->negotiate(1u << 1), 0u);
}

TEST_F(VirtioPci, ATransitionalDeviceIsKnownByItsSubsystem) {
  device_.config.set<uint16_t>(0x02, 0x1003);
  EXPECT_EQ(PciTransport::find(kConsoleDeviceId).error(), Errno::nodev);
  device_.config.set<uint16_t>(0x2e, kConsoleDeviceId);
  EXPECT_TRUE(PciTransport::find(kConsoleDeviceId));
}

TEST_F(VirtioPci, OtherDevicesAreLeftAlone) {
  EXPECT_EQ(PciTransport::find(kConsoleDeviceId + 1).error(), Errno::nodev);
  device_.config.set<uint16_t>(0x00, 0x8086);
  EXPECT_EQ(PciTransport::find(kConsoleDeviceId).error(), Errno::nodev);
  EXPECT_EQ(device_.config.get<uint16_t>(0x04), 0);
}

TEST_F(VirtioPci, ADeviceThatLacksABlockOrItsPlaceIsRefused) {
  for (unsigned block : {0x40u, 0x60u, 0x80u}) {
    device_.config.set<uint8_t>(block + 3, 77);  // of no known kind
    EXPECT_EQ(PciTransport::find(kConsoleDeviceId).error(), Errno::nodev) << block;
    device_.config.set<uint8_t>(block + 3, static_cast<uint8_t>(1u << (block / 0x20 - 2)));
  }
  EXPECT_TRUE(PciTransport::find(kConsoleDeviceId));
  device_.config.set<uint32_t>(0x4c, 8);  // shorter than its registers
  EXPECT_EQ(PciTransport::find(kConsoleDeviceId).error(), Errno::nodev);
  device_.config.set<uint32_t>(0x4c, 56);
  device_.config.set<uint32_t>(0x20, 0);  // firmware gave it no place
  EXPECT_EQ(PciTransport::find(kConsoleDeviceId).error(), Errno::nodev);
}

}  // namespace
}  // namespace tine::virtio
