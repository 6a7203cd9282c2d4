// SPDX-License-Identifier: MIT
//
// Access to the memory of an address space that need not be the running task's: /proc/PID/cmdline,
// ptrace, process_vm_readv. Faults the pages in like the program itself would, and may sleep.
// Bytes moved: short at the first address that the program could not access itself.
// The caller holds a user of the Mm (mm_get_user_unless_zero).
#pragma once

#include <cstddef>
#include <span>

#include "core/types.h"
#include "mm/mm.h"

namespace tine::mm {

size_t read_remote(Mm& mm, UserAddr from, std::span<std::byte> to);
size_t write_remote(Mm& mm, UserAddr to, std::span<const std::byte> from);

}  // namespace tine::mm
