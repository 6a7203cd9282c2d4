// SPDX-License-Identifier: MIT
//
// The page that the kernel writes and the vDSO reads, mapped directly before the vDSO's code.
// `sequence` is odd while a change is under way. Also compiled as part of a user-mode object.
#pragma once

#include <cstdint>

namespace tine::x86 {

struct alignas(4096) VdsoData {
  uint32_t sequence;
  uint32_t shift;  // nanoseconds = base_ns + ((cycles - base_cycles) * multiplier >> shift)
  uint64_t base_cycles;
  uint64_t multiplier;
  int64_t base_ns;
  int64_t realtime_offset;  // realtime - monotonic
};

// A GDT descriptor whose limit is the CPU's number, for LSL.
inline constexpr uint16_t kCpuNumberSelector = 0x7b;

}  // namespace tine::x86
