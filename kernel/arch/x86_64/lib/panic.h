// SPDX-License-Identifier: MIT
//
// Panics that know the registers; the architecture's part of core/panic.h.
#pragma once

#include <string_view>

#include "arch/context.h"

namespace tine::x86 {

[[noreturn]] void panic_with_registers(std::string_view message, const arch::UserRegs& regs);
[[noreturn]] void panic_at_trap(const arch::UserRegs& regs, unsigned vector, uint64_t error);
[[noreturn]] void panic_at_fault(const arch::UserRegs& regs, uint64_t address, uint64_t error);

// From the NMI by which a panicking CPU stops the others: does not return then.
void stop_if_panicking();

// Function names for backtraces.
struct SymbolMatch {
  const char* name;
  uint64_t offset;
};
SymbolMatch find_symbol(uint64_t address);  // name null: unknown

}  // namespace tine::x86
