// SPDX-License-Identifier: MIT
//
// The exceptions' names, for panics.
#pragma once

namespace tine::x86 {

inline const char* trap_name(unsigned vector) {
  static constexpr const char* kNames[] = {
      "divide error",
      "debug exception",
      "NMI",
      "breakpoint",
      "overflow",
      "bound range",
      "invalid opcode",
      "FPU not available",
      "double fault",
      "coprocessor overrun",
      "invalid TSS",
      "segment not present",
      "stack fault",
      "general protection fault",
      "page fault",
      "reserved",
      "x87 error",
      "alignment check",
      "machine check",
      "SIMD error",
      "virtualization exception",
      "control protection",
  };
  return vector < sizeof kNames / sizeof *kNames ? kNames[vector] : "exception";
}

}  // namespace tine::x86
