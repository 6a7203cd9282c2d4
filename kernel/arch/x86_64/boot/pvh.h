// SPDX-License-Identifier: MIT
//
// The PVH boot protocol's structures (xen/include/public/arch-x86/hvm/start_info.h's ABI). The
// loader puts them below 1 GiB; all pointers are physical.
#pragma once

#include <cstdint>

namespace tine::x86 {

struct HvmStartInfo {
  static constexpr uint32_t kMagic = 0x336e'c578;
  uint32_t magic, version, flags, module_count;
  uint64_t module_list, command_line, rsdp;
  uint64_t memory_map;  // version 1 and later
  uint32_t memory_map_entries, reserved;
};
struct HvmModule {
  uint64_t address, size, command_line, reserved;
};
struct HvmMemoryMapEntry {
  static constexpr uint32_t kRam = 1, kAcpiReclaimable = 3, kAcpiNvs = 4;
  uint64_t address, size;
  uint32_t type, reserved;
};

}  // namespace tine::x86
