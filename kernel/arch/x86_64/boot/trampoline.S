// SPDX-License-Identifier: MIT
//
// The first instructions of a processor that another one starts. It begins in real mode at the
// trampoline page, to which the first part is copied, goes to protected mode and, with the start
// code's tables (the first GiB mapped at 0 and at the kernel's base), on to long mode in the image;
// there it takes the kernel's tables and its own stack from `secondary_start`.
// Nothing here can fail.
#include "arch/x86_64/offsets.h"

#define PHYS(symbol) ((symbol) - KERNEL_BASE)
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
  ljmp $SELECTOR_KERNEL_CODE, $PHYS(secondary_64)
  .code64
secondary_64:
  movabsq $secondary_high, %rax
  jmpq *%rax

  .text
secondary_high:
  movl $SELECTOR_KERNEL_DATA, %eax
  movl %eax, %ds
  movl %eax, %es
  movl %eax, %ss
  xorl %eax, %eax
  movl %eax, %fs
  movl %eax, %gs
  movq secondary_start, %rax
  movq %rax, %cr3
  movq secondary_start + 8, %rsp
  movq secondary_start + 16, %rdi
  xorl %ebp, %ebp
  call x86_start_secondary
  ud2
