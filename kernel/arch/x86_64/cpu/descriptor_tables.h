// SPDX-License-Identifier: MIT
//
// GDT, TSS and IDT of the boot CPU.
#pragma once

#include <cstdint>

namespace tine::x86 {

void init_descriptor_tables();
// Where an interrupt from user mode puts its frame: the top of the running task's kernel stack.
void set_interrupt_stack(uint64_t top);

}  // namespace tine::x86
