// SPDX-License-Identifier: MIT
//
// arch/elf.h for x86-64.
#include "arch/elf.h"

#include <cpuid.h>

#include "arch/x86_64/cpu/features.h"

namespace tine::arch {

ElfPlatform elf_platform() {
  constexpr uint64_t kFsGsBaseUsable = 1u << 1;
  constexpr uint64_t kFrameWithoutFpu = 1024;  // siginfo, ucontext, red zone and alignment
  static uint32_t leaf1_edx = 0;               // CPUID leaves the machine under virtualisation
  if (leaf1_edx == 0) {
    uint32_t eax, ebx, ecx;
    __get_cpuid(1, &eax, &ebx, &ecx, &leaf1_edx);
  }
  return {.machine = 62,
          .hardware_flags = leaf1_edx,
          .hardware_flags2 = x86::features.fsgsbase ? kFsGsBaseUsable : 0,
          .min_signal_stack = kFrameWithoutFpu + x86::features.fpu_state_size,
          .name = std::string_view("x86_64", 6)};
}

}  // namespace tine::arch
