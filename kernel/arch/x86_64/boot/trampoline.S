// SPDX-License-Identifier: MIT
//
// The first instructions of a processor that another one starts. It begins in real mode at the
// trampoline page, to which the first part is copied, goes to protected mode and, with the start
// code's tables (the first GiB mapped at 0 and at the kernel's base), on to long mode in the image;
// there it takes the kernel's tables and its own stack from `secondary_start`.
// Nothing here can fail.
#include "arch/x86_64/boot/long_mode.h"

#define TRAMPOLINE 0x8000
#define IN_TRAMPOLINE(symbol) (TRAMPOLINE + (symbol) - trampoline_start)

  .section .rodata
  .balign 16
  .globl trampoline_start, trampoline_end
  .code16
trampoline_start:
  cli
  cld
  xorw %ax, %ax
  movw %ax, %ds
  lgdtl IN_TRAMPOLINE(trampoline_gdt_pointer)
  movl $0x11, %eax                    // CR0: ET, PE
  movl %eax, %cr0
  ljmpl $0x08, $IN_TRAMPOLINE(trampoline_32)
  .code32
trampoline_32:
  movl $0x10, %eax
  movl %eax, %ds
  movl %eax, %ss
  movl $PHYS(secondary_32), %eax
  jmpl *%eax
  .balign 8
trampoline_gdt:
  .quad 0
  .quad 0x00cf9b000000ffff            // 0x08 32-bit code
  .quad 0x00cf93000000ffff            // 0x10 data
trampoline_gdt_pointer:
  .word trampoline_gdt_pointer - trampoline_gdt - 1
  .long IN_TRAMPOLINE(trampoline_gdt)
trampoline_end:

  .section .text.boot, "ax"
  .code32
secondary_32:
  enter_long_mode secondary_high

  .text
secondary_high:
  load_kernel_segments
  movq secondary_start, %rax
  movq %rax, %cr3
  movq secondary_start + 8, %rsp
  movq secondary_start + 16, %rdi
  xorl %ebp, %ebp
  call x86_start_secondary
  ud2
