// SPDX-License-Identifier: MIT
//
// Time sources and the one-shot timer of the running CPU. The timer's interrupt calls
// time::timer_interrupt() (sched/timer.h) with interrupts off.
#pragma once

#include "core/types.h"

namespace tine::arch {

// Nanoseconds since boot, monotonic on every CPU; a handful of instructions.
Nanoseconds monotonic_now();
// Wall-clock time at boot, in nanoseconds since 1970, read from the RTC once.
Nanoseconds boot_wall_clock();
// Asks for one timer interrupt at `deadline` on this CPU (at once if it is past); kNever disarms.
// Interrupts must be off.
void arm_timer(Nanoseconds deadline);
// For the vDSO: how user code turns the cycle counter into nanoseconds. `shift` <= 32.
struct CycleScale { uint64_t base_cycles; Nanoseconds base_ns; uint32_t multiplier; uint32_t shift; };
CycleScale cycle_scale();

}  // namespace tine::arch
