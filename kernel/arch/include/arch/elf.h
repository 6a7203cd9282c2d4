// SPDX-License-Identifier: MIT
//
// What exec must know of the processor: which programs it runs, and what the auxiliary vector tells
// them (getauxval(3)).
#pragma once

#include <cstdint>
#include <string_view>

namespace tine::arch {

struct ElfPlatform {
  uint16_t machine;              // e_machine of its programs
  uint64_t hardware_flags;       // AT_HWCAP
  uint64_t hardware_flags2;      // AT_HWCAP2
  uint64_t min_signal_stack;     // AT_MINSIGSTKSZ
  std::string_view name;         // AT_PLATFORM
};
ElfPlatform elf_platform();

}  // namespace tine::arch
