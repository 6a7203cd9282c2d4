// SPDX-License-Identifier: MIT
//
// The page in which KVM describes a guest's clock, as far as Tine uses it: the rate of the TSC. KVM
// gives it as a factor and a power of two, both of which depend on the host's TSC and on what a
// migration may have scaled it by:
//
//   nanoseconds = (cycles * 2^tsc_shift) * tsc_to_system_mul / 2^32
//
// Layout and formula: Linux, Documentation/virt/kvm/x86/msr.rst, MSR_KVM_SYSTEM_TIME_NEW.
#pragma once

#include <cstdint>

namespace tine::x86 {

struct KvmClockPage {
  uint32_t version, padding;
  uint64_t tsc_timestamp, system_time;
  uint32_t tsc_to_system_mul;
  int8_t tsc_shift;
  uint8_t flags, padding2[2];
};
static_assert(sizeof(KvmClockPage) == 32);

// The multiplier m in nanoseconds = cycles * m / 2^`scale_shift` (at most 32), rounded down. 0: the
// page says nothing that such a multiplier can express (an empty page, a TSC that is too slow).
constexpr uint32_t kvm_clock_multiplier(const KvmClockPage& page, unsigned scale_shift) {
  constexpr int kBits = 32;
  int shift = page.tsc_shift - (kBits - static_cast<int>(scale_shift));
  uint64_t factor = page.tsc_to_system_mul;
  if (shift <= -kBits || shift >= kBits) return 0;
  uint64_t multiplier = shift >= 0 ? factor << shift : factor >> -shift;
  return multiplier > ~0u ? 0 : static_cast<uint32_t>(multiplier);
}

}  // namespace tine::x86
