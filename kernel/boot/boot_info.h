// SPDX-License-Identifier: MIT
//
// What the boot loader told us, in no architecture's terms. Filled in by the architecture's start
// code before kernel_main() and constant afterwards.
//
// `ram` is sorted, page-aligned, without overlaps or empty ranges, and still contains all that
// `reserved` lists (kernel image, first page tables, loader's structures, initrd): the frame
// allocator gives out RAM minus reserved. Reserved ranges are neither sorted nor page-aligned.
// All RAM is in the direct map when kernel_main() runs.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "core/types.h"

namespace tine {

struct BootInfo {
  static constexpr size_t kMaxRam = 64;
  static constexpr size_t kMaxReserved = 16;

  MemoryRange ram_ranges[kMaxRam];
  size_t ram_count = 0;
  MemoryRange reserved_ranges[kMaxReserved];
  size_t reserved_count = 0;
  MemoryRange initrd;             // length 0: there is none
  std::string_view command_line;  // lives in reserved memory for ever
  PhysAddr rsdp;                  // ACPI's root pointer; 0: unknown

  std::span<const MemoryRange> ram() const { return {ram_ranges, ram_count}; }
  std::span<const MemoryRange> reserved() const { return {reserved_ranges, reserved_count}; }
};

// The arch-neutral start of the kernel; runs on the boot CPU's idle task, interrupts off.
[[noreturn]] void kernel_main(const BootInfo& info);

}  // namespace tine
