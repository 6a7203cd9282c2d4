// SPDX-License-Identifier: MIT
//
// GDT, TSS and IDT.
#pragma once

#include <cstdint>

#include "arch/x86_64/cpu/cpu_block.h"

namespace tine::x86 {

void init_interrupt_gates();    // once; while kernel text is still writable
void load_descriptor_tables();  // of this CPU, whose block and number are set
// Where an interrupt from user mode puts its frame: the top of the running task's kernel stack.

}  // namespace tine::x86
