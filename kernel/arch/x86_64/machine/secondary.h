// SPDX-License-Identifier: MIT
//
// The CPUs beside the boot CPU; see arch/cpu.h for their start.
#pragma once

#include "core/types.h"

namespace tine::x86 {

// Where a starting processor's first, 16-bit instructions are copied: a page of low RAM that is
// reserved for them.
inline constexpr PhysAddr kTrampoline{0x8000};

void find_processors(PhysAddr rsdp);  // after init_apic()

}  // namespace tine::x86
