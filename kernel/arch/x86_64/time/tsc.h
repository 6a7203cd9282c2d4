// SPDX-License-Identifier: MIT
//
// The cycle counter as clock, and its calibration at boot.
#pragma once

namespace tine::x86 {

void init_clock();  // after init_apic()

}  // namespace tine::x86
