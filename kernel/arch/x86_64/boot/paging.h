// SPDX-License-Identifier: MIT
//
// The kernel's own page tables, built once at boot; see boot/paging.cpp.
#pragma once

#include "boot/boot_info.h"

namespace tine::x86 {

// Replaces the start code's tables. Takes frames for tables from just behind the kernel image and
// adds them to info.reserved_ranges. `also_mapped`: ranges that are not RAM but must be readable
// through the direct map (ACPI tables).
void build_kernel_page_tables(BootInfo& info, std::span<const MemoryRange> also_mapped);

}  // namespace tine::x86
