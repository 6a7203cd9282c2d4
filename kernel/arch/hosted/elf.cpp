// SPDX-License-Identifier: MIT
//
// arch/elf.h for the hosted machine: it starts x86-64 images in name only, never their code.
#include "arch/elf.h"

namespace tine::arch {

ElfPlatform elf_platform() {
  return {.machine = 62, .hardware_flags = 0, .hardware_flags2 = 0, .min_signal_stack = 2048,
          .name = "x86_64"};
}

}  // namespace tine::arch
