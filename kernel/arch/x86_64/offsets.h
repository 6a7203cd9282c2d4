// SPDX-License-Identifier: MIT
//
// Offsets and constants that the assembly shares with C++. entry/offsets_check.cpp asserts every
// one of them against the types, so a change of a structure fails to compile, not to run.
#pragma once

#define KERNEL_BASE 0xffffffff80000000

// arch::CpuLocal, reached through GS.
#define CPU_CURRENT 8
#define CPU_KERNEL_STACK_TOP 16
#define CPU_SCRATCH 24
#define CPU_PREEMPT_COUNT 32
#define PREEMPT_IDLE 0x80000000  // count 0 and no reschedule due

// x86::CpuBlock, behind CpuLocal; the compiler is told in build.cmake.
#define CPU_STACK_CANARY 88

// sched::Schedulable
#define TASK_STACK_POINTER 0
#define TASK_WORK 56
#define WORK_SYSCALL_TRACE 8

// arch::UserRegs
#define REGS_R15 0
#define REGS_R11 48
#define REGS_R10 56
#define REGS_R9 64
#define REGS_R8 72
#define REGS_RAX 80
#define REGS_RCX 88
#define REGS_RDX 96
#define REGS_RSI 104
#define REGS_RDI 112
#define REGS_ORIG_RAX 120
#define REGS_RIP 128
#define REGS_CS 136
#define REGS_RFLAGS 144
#define REGS_RSP 152
#define REGS_SS 160
#define REGS_SIZE 168

#define SYSCALL_COUNT 462

// Selectors. SYSRET derives the user's from one base: base+8 is SS, base+16 is CS.
#define SELECTOR_KERNEL_CODE 0x10
#define SELECTOR_KERNEL_DATA 0x18
#define SELECTOR_USER_BASE 0x23
#define SELECTOR_USER_DATA 0x2b
#define SELECTOR_USER_CODE 0x33
#define SELECTOR_TSS 0x40

#define VECTOR_DEBUG 1
#define VECTOR_NMI 2
#define VECTOR_DOUBLE_FAULT 8
#define VECTOR_PAGE_FAULT 14
#define VECTOR_MACHINE_CHECK 18
#define VECTOR_FIRST_IRQ 32
