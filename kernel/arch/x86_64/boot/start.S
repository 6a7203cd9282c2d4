// SPDX-License-Identifier: MIT
//
// The first instructions. A PVH loader enters pvh_start in 32-bit protected mode, paging off, with
// the physical address of hvm_start_info in EBX. One page directory of 2 MiB pages maps the first
// GiB three times (at 0, in the direct map and at the kernel's base), everything writable; C++ then
// builds the real tables and drops these. Nothing here can fail, and nothing is cleared: the loader
// has zeroed .bss.
#include "arch/x86_64/boot/long_mode.h"

  .section .note.pvh, "a", @note
  .align 4
  .long 4, 4, 18                      // name size, descriptor size, XEN_ELFNOTE_PHYS32_ENTRY
  .asciz "Xen"
  .long PHYS(pvh_start)

  .section .text.boot, "ax"
  .code32
  .globl pvh_start
pvh_start:
  cld
  movl $PHYS(early_pd), %edi
  movl $0x183, %eax                   // present, writable, 2 MiB, global
  movl $512, %ecx
1:
  movl %eax, (%edi)
  addl $0x200000, %eax
  addl $8, %edi
  decl %ecx
  jnz 1b
  movl $(PHYS(early_pd) + 3), %eax
  movl %eax, PHYS(early_pdpt)
  movl %eax, PHYS(early_pdpt) + 510 * 8
  movl $(PHYS(early_pdpt) + 3), %eax
  movl %eax, PHYS(early_pml4)
  movl %eax, PHYS(early_pml4) + 273 * 8
  movl %eax, PHYS(early_pml4) + 511 * 8

  enter_long_mode start_high

  .text
start_high:
  load_kernel_segments
  movq $boot_stack_top, %rsp
  xorl %ebp, %ebp
  movl %ebx, %edi
  call x86_start
  ud2

  .section .rodata
  .align 8
early_gdt:
  .quad 0, 0
  .quad 0x00af9b000000ffff            // 0x10 64-bit code
  .quad 0x00cf93000000ffff            // 0x18 data
  .globl early_gdt_pointer
early_gdt_pointer:
  .word early_gdt_pointer - early_gdt - 1
  .long PHYS(early_gdt)

  .section .bss.pages, "aw", @nobits
  .align 4096
  .globl early_pml4
early_pml4:
  .skip 4096
early_pdpt:
  .skip 4096
early_pd:
  .skip 4096
