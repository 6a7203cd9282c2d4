// SPDX-License-Identifier: MIT
//
// The PCI bus as drivers see it: which functions are found, where their memory lies, and what an
// MSI-X interrupt needs. Configuration that makes no sense is refused.
#include "drivers/pci/function.h"

#include <gtest/gtest.h>

#include <vector>

#include "arch/hosted/devices.h"
#include "drivers/registers.h"
#include "mm/frame.h"
#include "mm/testing.h"

namespace tine::pci {
namespace {

using arch::hosted::pci_function;
using arch::hosted::PciConfig;

PciConfig& add_function(arch::PciAddress address, uint16_t device_id) {
  PciConfig& config = pci_function(address);
  config.set<uint16_t>(0x00, 0x1234);
  config.set<uint16_t>(0x02, device_id);
  return config;
}

// Its capabilities are one at `offset` that leads on to `next`.
void add_capability(PciConfig& config, uint8_t offset, uint8_t id, uint8_t next) {
  config.set<uint16_t>(0x06, 1u << 4);
  config.set<uint8_t>(0x34, 0x40);
  config.set<uint8_t>(offset, id);
  config.set<uint8_t>(offset + 1u, next);
}

class Pci : public testing::Test {
 protected:
  mm::MemoryMachine machine_{16ull << 20};
};

std::vector<unsigned> ids_of_all() {
  std::vector<unsigned> ids;
  EXPECT_FALSE(find_function([&](const Function& function) {
    ids.push_back(function.device_id());
    return false;
  }));
  return ids;
}

TEST_F(Pci, FindsFunctionsInTheOrderOfTheBuses) {
  add_function({.device = 31}, 3);
  add_function({.device = 2}, 1).set<uint8_t>(0x0e, 0x80);  // has several functions
  add_function({.device = 2, .function = 5}, 2);
  add_function({.device = 7}, 9);
  add_function({.device = 7, .function = 1}, 99);  // behind a function 0 that denies it
  add_function({.device = 9, .function = 1}, 99);  // without a function 0
  EXPECT_EQ(ids_of_all(), (std::vector<unsigned>{1, 2, 9, 3}));
}

TEST_F(Pci, FollowsBridgesToTheBusBehindThem) {
  PciConfig& bridge = add_function({.device = 1}, 1);
  bridge.set<uint8_t>(0x0e, 1);
  bridge.set<uint8_t>(0x19, 4);
  add_function({.bus = 4, .device = 3}, 2);
  add_function({.bus = 5, .device = 3}, 99);  // no bridge leads there
  EXPECT_EQ(ids_of_all(), (std::vector<unsigned>{1, 2}));
}

TEST_F(Pci, ABridgeThatLeadsBackEndsTheSearch) {
  PciConfig& bridge = add_function({.device = 1}, 1);
  bridge.set<uint8_t>(0x0e, 1);  // to bus 0
  EXPECT_EQ(ids_of_all(), (std::vector<unsigned>{1}));
}

TEST_F(Pci, MemoryLiesWhereTheFirmwarePutIt) {
  PciConfig& config = add_function({}, 1);
  config.set<uint32_t>(0x10, 0xfebc'1000);
  config.set<uint32_t>(0x14, 0x0000'c001);  // ports
  config.set<uint32_t>(0x18, 0x4000'000c);  // 64 bits, prefetchable
  config.set<uint32_t>(0x1c, 0x0000'0038);
  config.set<uint32_t>(0x24, 0xfe00'0004);  // the last one has no upper half
  Function function({});
  EXPECT_EQ(*function.memory(0), PhysAddr(0xfebc'1000));
  EXPECT_EQ(function.memory(1).error(), Errno::nodev);
  EXPECT_EQ(*function.memory(2), PhysAddr(0x38'4000'0000));
  EXPECT_EQ(function.memory(4).error(), Errno::nodev);  // placed nowhere
  EXPECT_EQ(function.memory(5).error(), Errno::nodev);
  EXPECT_EQ(function.memory(6).error(), Errno::nodev);
}

TEST_F(Pci, CapabilitiesOfAKindAreWalkedInTheirOrder) {
  PciConfig& config = add_function({}, 1);
  add_capability(config, 0x40, 9, 0x80);
  add_capability(config, 0x80, 5, 0x60);
  add_capability(config, 0x60, 9, 0);
  CapabilityWalk walk(Function({}));
  EXPECT_EQ(walk.next(9), 0x40u);
  EXPECT_EQ(walk.next(9), 0x60u);
  EXPECT_EQ(walk.next(9), 0u);
  EXPECT_EQ(walk.next(9), 0u);
  config.set<uint16_t>(0x06, 0);  // says that it has none
  EXPECT_EQ(CapabilityWalk(Function({})).next(9), 0u);
}

TEST_F(Pci, CapabilitiesThatRunInACircleEnd) {
  PciConfig& config = add_function({}, 1);
  add_capability(config, 0x40, 9, 0x50);
  add_capability(config, 0x50, 9, 0x40);
  CapabilityWalk walk(Function({}));
  unsigned found = 0;
  while (walk.next(9)) ++found;
  EXPECT_EQ(found, (256u - 64) / 4);
}

TEST_F(Pci, EnableLeavesTheOtherBitsAlone) {
  PciConfig& config = add_function({}, 1);
  config.set<uint16_t>(0x04, 0x0101);
  Function({}).enable();
  EXPECT_EQ(config.get<uint16_t>(0x04), 0x0107);
}

TEST_F(Pci, AMessageInterruptReachesItsHandler) {
  PciConfig& config = add_function({}, 1);
  add_capability(config, 0x40, 5, 0x70);
  add_capability(config, 0x70, 0x11, 0);
  config.set<uint16_t>(0x72, 0x4001);  // two entries, all masked
  config.set<uint32_t>(0x74, 0x801);   // at 0x800 of the second base address
  mm::Frame* memory = mm::take_frame(mm::FrameKind::kernel);
  config.set<uint32_t>(0x14, static_cast<uint32_t>(mm::frame_address(*memory).value));
  Registers entry(mm::frame_data<volatile char>(*memory) + 0x800);
  entry.write<uint32_t>(12, 1);

  int interrupts = 0;
  auto count = [](void* context) { ++*static_cast<int*>(context); };
  ASSERT_TRUE(Function({}).connect_interrupt(count, &interrupts));
  EXPECT_EQ(entry.read<uint32_t>(12), 0u);
  EXPECT_EQ(config.get<uint16_t>(0x72), 0x8001);
  arch::hosted::deliver_message(entry.read<uint64_t>(0), entry.read<uint32_t>(8));
  EXPECT_EQ(interrupts, 1);
  mm::put_frame(*memory);
}

TEST_F(Pci, WithoutMessagesThereIsNoInterrupt) {
  PciConfig& config = add_function({}, 1);
  auto ignore = [](void*) {};
  EXPECT_EQ(Function({}).connect_interrupt(ignore, nullptr).error(), Errno::nodev);
  add_capability(config, 0x40, 0x11, 0);  // its table lies in memory that has no place
  EXPECT_EQ(Function({}).connect_interrupt(ignore, nullptr).error(), Errno::nodev);
}

}  // namespace
}  // namespace tine::pci
