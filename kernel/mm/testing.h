// SPDX-License-Identifier: MIT
//
// For the hosted unit tests of mm/: a machine with memory and nothing else, whose boot task runs in
// an address space that the test makes. Checks at the end that the test gave everything back.
#pragma once

#include <gtest/gtest.h>

#include "arch/hosted/machine.h"
#include "arch/user_access.h"
#include "mm/heap.h"
#include "mm/init.h"
#include "mm/mm.h"
#include "mm/report.h"
#include "mm/tlb.h"
#include "sched/schedulable.h"

namespace tine::mm {

class MemoryMachine {
 public:
  explicit MemoryMachine(uint64_t bytes = 32ull << 20) {
    arch::hosted::boot_machine({.memory_bytes = bytes});
    MemoryRange ram[] = {{PhysAddr(0), bytes}};
    init(ram, {});
    before_ = live_counts();
  }
  ~MemoryMachine() {
    run_in(nullptr);
    LiveCounts after = live_counts();
    EXPECT_EQ(before_.objects, after.objects);
    EXPECT_EQ(before_.heap_blocks, after.heap_blocks);
    EXPECT_EQ(before_.frames, after.frames);
    EXPECT_EQ(committed_pages(), 0u);
  }

  // The boot task's program memory; null: none.
  void run_in(Mm* mm) {
    arch::hosted::boot_task().mm = mm;
    if (mm != nullptr) {
      switch_address_space(mm);
    } else if (auto* loaded = static_cast<Mm*>(arch::this_cpu().active_mm)) {
      unload_everywhere(*loaded);
    }
  }

 private:
  LiveCounts before_;
};

inline MmUser make_mm() {
  auto mm = mm_alloc();
  EXPECT_TRUE(mm.has_value());
  return MmUser::adopt(std::move(*mm));
}

inline constexpr uint32_t kDataFlags = kVmRead | kVmWrite | kVmMayAll;

inline UserAddr map_data(Mm& mm, uint64_t pages, uint64_t at = 0) {
  auto mapped = do_mmap(mm, {.address = UserAddr(at),
                             .length = pages * kPageSize,
                             .flags = kDataFlags,
                             .fixed = at != 0});
  EXPECT_TRUE(mapped.has_value());
  return mapped.value_or(UserAddr());
}

inline unsigned count_mappings(Mm& mm) {
  unsigned count = 0;
  MappingReport report;
  for (UserAddr at; next_mapping(mm, at, report); at = report.end) ++count;
  return count;
}

inline bool poke(UserAddr at, uint64_t value) {
  return arch::copy_to_user(at, &value, sizeof value) == 0;
}
inline uint64_t peek(UserAddr at) {
  uint64_t value = ~uint64_t{0};
  EXPECT_EQ(arch::copy_from_user(&value, at, sizeof value), 0u) << std::hex << at.value;
  return value;
}

}  // namespace tine::mm
