// SPDX-License-Identifier: MIT
//
// The cycle counter as clock, and its calibration at boot.
#pragma once

namespace tine::x86 {

void init_clock();  // after init_apic()
// On a CPU that has just started, interrupts on: makes its counter agree with the boot CPU's.
void synchronise_cycle_counter();

}  // namespace tine::x86
