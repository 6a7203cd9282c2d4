// SPDX-License-Identifier: MIT
//
// Canaries differ from task to task and from boot to boot, and no string reproduces one (E58). That
// a damaged one is found shows in suite `run`, on the real kernel.
#include "arch/x86_64/cpu/stack_canary.h"

#include <gtest/gtest.h>

#include <set>

namespace tine::x86 {
namespace {

TEST(StackCanary, IsAnotherForEachTask) {  // E58
  init_stack_canaries();
  static char tasks[1000];
  std::set<uint64_t> seen;
  for (const char& task : tasks) {
    const uint64_t canary = make_stack_canary(&task);
    EXPECT_EQ(canary & 0xff, 0u);
    EXPECT_TRUE(seen.insert(canary).second);
  }
  EXPECT_FALSE(seen.contains(0));
}

TEST(StackCanary, DependsOnTheKeyInEveryByte) {  // E58
  uint64_t differs = 0;
  for (int boot = 0; boot < 64; ++boot) {
    init_stack_canaries();
    const uint64_t before = make_stack_canary(&differs);
    init_stack_canaries();
    differs |= before ^ make_stack_canary(&differs);
  }
  EXPECT_EQ(differs, kCanaryMask);
}

}  // namespace
}  // namespace tine::x86
