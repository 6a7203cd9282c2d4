// SPDX-License-Identifier: MIT
//
// The simulated machine's physical memory: one host mapping of a memory file, so that the vmalloc
// area can map single frames of it a second time. Made anew for each machine.
#pragma once

#include <cstdint>

namespace tine::arch::hosted {

void allocate_physical_memory(uint64_t bytes);  // frees the memory of the machine before
void forget_kernel_mappings();

}  // namespace tine::arch::hosted
