// SPDX-License-Identifier: MIT
//
// For the assembly of boot/: the way from 32-bit protected mode to the kernel's half of long mode,
// which the first processor (start.S) and each later one (trampoline.S) take alike. It is in two
// steps: paging on with the start code's tables, at an address that is mapped to itself; then the
// jump to the address that the image is linked for, and the segments of a kernel.
// Nothing here can fail.
#pragma once

#include "arch/x86_64/offsets.h"

#define PHYS(symbol) ((symbol) - KERNEL_BASE)

// Goes on at `target`, in the kernel's half, in 64-bit mode. Only EBX survives of the registers.
.macro enter_long_mode target
  movl $0x20, %eax                    // CR4.PAE
  movl %eax, %cr4
  movl $PHYS(early_pml4), %eax
  movl %eax, %cr3
  movl $0xc0000080, %ecx              // EFER: SCE, LME, NXE
  rdmsr
  orl $0x901, %eax
  wrmsr
  movl $0x80010033, %eax              // CR0: PG, WP, NE, ET, MP, PE
  movl %eax, %cr0
  lgdt PHYS(early_gdt_pointer)
  ljmp $SELECTOR_KERNEL_CODE, $PHYS(1f)
  .code64
1:
  movabsq $\target, %rax
  jmpq *%rax
.endm

// No thread or CPU block yet: FS and GS are null.
.macro load_kernel_segments
  movl $SELECTOR_KERNEL_DATA, %eax
  movl %eax, %ds
  movl %eax, %es
  movl %eax, %ss
  xorl %eax, %eax
  movl %eax, %fs
  movl %eax, %gs
.endm
