// SPDX-License-Identifier: MIT
//
// Where the parts of the kernel image lie: the symbols of linker.ld, and the boot-time tables that
// live in the image for ever.
#pragma once

#include "arch/page_table.h"
#include "arch/x86_64/offsets.h"
#include "core/types.h"

namespace tine::x86 {

using Table = arch::Pte[arch::kTableEntries];

extern "C" {
extern const char image_start[], image_end[], text_start[], text_end[], rodata_start[],
    rodata_end[], data_start[], data_end[], boot_stack_guard[], boot_stack_bottom[],
    boot_stack_top[], kernel_symbols_start[], vdso_image_start[], vdso_image_end[];
}

// The physical address of an object of the image.
inline PhysAddr image_phys(const void* object) {
  return PhysAddr(reinterpret_cast<uint64_t>(object) - KERNEL_BASE);
}

extern Table kernel_top_table;  // CR3 of kernel threads; its upper half is everyone's
extern Table vmalloc_top_table;

}  // namespace tine::x86
