// SPDX-License-Identifier: MIT
//
// All that one CPU has of its own: the arch-neutral block that GS points at, and behind it the
// descriptor tables, the stacks (IST) of the exceptions that must not trust the running stack, and the
// stack on which it handles interrupts that strike in the kernel.
// The boot CPU's is part of the image; those of the others are made of frames when they are started
// (machine/secondary.cpp) and stay for ever. Written by its own CPU, but for what is set before it
// starts.
#pragma once

#include <cstdint>

#include "arch/cpu.h"

namespace tine::x86 {

struct [[gnu::packed]] TaskStateSegment {
  uint32_t reserved0 = 0;
  uint64_t rsp[3] = {};
  uint64_t reserved1 = 0;
  uint64_t ist[7] = {};
  uint64_t reserved2 = 0;
  uint16_t reserved3 = 0;
  uint16_t io_map = 104;  // beyond the limit: no port is allowed (A18)
};
static_assert(sizeof(TaskStateSegment) == 104);

inline constexpr unsigned kIstStackSize = 4096;
inline constexpr unsigned kIstStacks = 4;
inline constexpr unsigned kGdtEntries = 16;
inline constexpr unsigned kInterruptStackSize = 8192;

struct CpuBlock : arch::CpuLocal {
  // The running task's. First, for compiled code reads it at a fixed place: CPU_STACK_CANARY.
  uint64_t stack_canary = 0;
  TaskStateSegment task_state;
  uint64_t gdt[kGdtEntries] = {};
  uint32_t command_target = 0;  // what the local APIC's register of that name holds (xAPIC)
  alignas(16) uint8_t ist_stacks[kIstStacks][kIstStackSize] = {};
  alignas(16) uint8_t interrupt_stack[kInterruptStackSize] = {};
};

extern CpuBlock boot_cpu;

inline CpuBlock& this_cpu_block() { return static_cast<CpuBlock&>(arch::this_cpu()); }

}  // namespace tine::x86
