// SPDX-License-Identifier: MIT
//
// What this processor has, asked once by detect_features() before anything else, and the control
// registers that follow from it. The assembly reads single bytes of `features` by symbol, so the
// ones it needs are separate variables.
#pragma once

#include <cstdint>

namespace tine::x86 {

struct CpuFeatures {
  bool gigabyte_pages = false;
  bool smep = false, smap = false, umip = false, fsgsbase = false;
  bool xsave = false, xsaveopt = false, avx = false;
  bool rdrand = false, x2apic = false, tsc_deadline = false;
  bool hypervisor = false, kvm = false;
  bool emulated = false;    // by QEMU's TCG
  bool kvm_clock = false;   // MSR 0x4b564d01
  uint64_t xsave_mask = 0;  // XCR0
  uint32_t fpu_state_size = 512;
};

extern CpuFeatures features;

void detect_features();
// CR0, CR4, XCR0 and the system-call MSRs of this CPU.
void enable_features();

}  // namespace tine::x86
