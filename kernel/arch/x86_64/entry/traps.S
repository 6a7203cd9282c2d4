// SPDX-License-Identifier: MIT
//
// Interrupt and exception entry. Each stub pushes its vector (and a zero where the processor pushes
// no error code); the common part swaps the vector for RDI, so that UserRegs comes out complete
// with the error code in orig_rax's place, from where it goes to C++.
//
// Double fault, NMI, machine check and debug exceptions can strike while GS is still the user's:
// they run on stacks of their own (IST) and look at the GS base itself.
#include "arch/x86_64/entry/macros.h"

  .section .text.hot.entry, "ax"

  .balign 16
  .globl page_fault_entry
page_fault_entry:
  PUSH_REGS
  cld
  movq %rsp, %rdi
  movq REGS_ORIG_RAX(%rsp), %rsi
  movq $-1, REGS_ORIG_RAX(%rsp)
  movq %cr2, %rdx
  testb $3, REGS_CS(%rsp)
  jz 1f
  swapgs
  callq user_page_fault
  jmp return_to_user
1:
  CLAC
  callq kernel_page_fault
  jmp restore_kernel

trap_common:
  xchgq %rdi, (%rsp)                  // vector for RDI
  pushq %rsi
  pushq %rdx
  pushq %rcx
  pushq %rax
  pushq %r8
  pushq %r9
  pushq %r10
  pushq %r11
  pushq %rbx
  pushq %rbp
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  cld
  movl %edi, %esi
  movq %rsp, %rdi
  movq REGS_ORIG_RAX(%rsp), %rdx
  movq $-1, REGS_ORIG_RAX(%rsp)
  testb $3, REGS_CS(%rsp)
  jz 1f
  swapgs
  callq user_trap
  jmp return_to_user
1:
  CLAC
  callq kernel_trap
restore_kernel:
  POP_REGS
  addq $8, %rsp
  iretq

// call_on_stack(edi: argument, rsi: function, rdx: top of the stack to run it on)
  .globl call_on_stack
call_on_stack:
  pushq %rbp
  movq %rsp, %rbp
  movq %rdx, %rsp
  callq *%rsi
  movq %rbp, %rsp
  popq %rbp
  retq

// IST vectors. From user mode the frame moves to the task's stack and is handled there.
trap_paranoid:
  testb $3, 24(%rsp)                  // vector, error code, RIP, CS
  jnz 2f
  xchgq %rdi, (%rsp)
  pushq %rsi
  pushq %rdx
  pushq %rcx
  pushq %rax
  pushq %r8
  pushq %r9
  pushq %r10
  pushq %r11
  pushq %rbx
  pushq %rbp
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  cld
  CLAC
  movl %edi, %esi
  movq %rsp, %rdi
  movl $0xc0000101, %ecx              // GS base: the kernel's has its top bit set
  rdmsr
  xorl %ebx, %ebx
  testl %edx, %edx
  js 1f
  swapgs
  incl %ebx
1:
  movq REGS_ORIG_RAX(%rsp), %rdx
  callq paranoid_trap
  testl %ebx, %ebx
  jz restore_kernel
  swapgs
  jmp restore_kernel
2:
  swapgs
  movq %rax, %gs:CPU_SCRATCH
  movq %rsp, %rax
  movq %gs:CPU_KERNEL_STACK_TOP, %rsp
  pushq 48(%rax)                      // SS, RSP, RFLAGS, CS, RIP, error code, vector
  pushq 40(%rax)
  pushq 32(%rax)
  pushq 24(%rax)
  pushq 16(%rax)
  pushq 8(%rax)
  pushq (%rax)
  movq %gs:CPU_SCRATCH, %rax
  swapgs
  jmp trap_common

  .balign 16
  .globl trap_stubs
trap_stubs:
  .set vector, 0
  .rept 256
  .balign 16
  .if vector == 8 || vector == 10 || vector == 11 || vector == 12 || vector == 13 || vector == 14 || vector == 17 || vector == 21
  .else
  pushq $0
  .endif
  pushq $vector
  .if vector == VECTOR_DEBUG || vector == VECTOR_NMI || vector == VECTOR_DOUBLE_FAULT || vector == VECTOR_MACHINE_CHECK
  jmp trap_paranoid
  .else
  jmp trap_common
  .endif
  .set vector, vector + 1
  .endr
