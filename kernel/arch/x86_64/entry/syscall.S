// SPDX-License-Identifier: MIT
//
// SYSCALL, and the ways back to user mode.
//
// The fast way of a system call saves all registers (fork, signals and ptrace want them), calls the
// table's function, and returns by SYSRET without reloading what the C++ ABI preserves. It is taken
// only if nothing is due and SS is unmarked: whoever changes the registers (exec, a signal frame,
// sigreturn) marks it (UserRegs::request_full_return), and the full way restores everything by IRET.
// So SYSRET only ever sees the canonical address that SYSCALL itself saved.
//
// Interrupts: off on entry, on during the call, off from the last check for work to user mode.
#include "arch/x86_64/entry/macros.h"

#define ENOSYS 38
#define SYSCALL_TABLE _ZN4tine13syscall_tableE  // every entry is a function


  .section .text.hot.entry, "ax"
  .balign 64
  .globl syscall_entry
syscall_entry:
  swapgs
  movq %rsp, %gs:CPU_SCRATCH
  movq %gs:CPU_KERNEL_STACK_TOP, %rsp
  pushq $SELECTOR_USER_DATA
  pushq %gs:CPU_SCRATCH
  pushq %r11
  pushq $SELECTOR_USER_CODE
  pushq %rcx
  pushq %rax
  PUSH_REGS $-ENOSYS
  sti
  movq %gs:CPU_CURRENT, %rdx
  movl %eax, %eax                     // the number is an int: its upper half is ignored
  movq %rsp, %rdi
  testl $WORK_SYSCALL_TRACE, TASK_WORK(%rdx)
  jnz syscall_slow
  cmpl $SYSCALL_COUNT, %eax
  jae syscall_slow
  callq *SYSCALL_TABLE(, %rax, 8)
  movq %rax, REGS_RAX(%rsp)
syscall_return:
  cli
  movq %gs:CPU_CURRENT, %rdx
  cmpl $0, TASK_WORK(%rdx)
  jne syscall_work
  cmpl $PREEMPT_IDLE, %gs:CPU_PREEMPT_COUNT
  jne syscall_work
  cmpl $SELECTOR_USER_DATA, REGS_SS(%rsp)
  jne restore_user
  movq REGS_RIP(%rsp), %rcx
  movq REGS_RFLAGS(%rsp), %r11
  movq REGS_RAX(%rsp), %rax
  movq REGS_RDI(%rsp), %rdi
  movq REGS_RSI(%rsp), %rsi
  movq REGS_RDX(%rsp), %rdx
  movq REGS_R8(%rsp), %r8
  movq REGS_R9(%rsp), %r9
  movq REGS_R10(%rsp), %r10
  movq REGS_RSP(%rsp), %rsp
  swapgs
  sysretq

syscall_slow:                         // traced, or no such number
  callq slow_system_call
  jmp syscall_return

syscall_work:
  movq %rsp, %rdi
  movl $1, %esi
  callq slow_user_return
  jmp restore_user

// Interrupts and exceptions from user mode come back here with UserRegs on the stack.
  .globl return_to_user
return_to_user:
  cli
  movq %gs:CPU_CURRENT, %rdx
  cmpl $0, TASK_WORK(%rdx)
  jne 2f
  cmpl $PREEMPT_IDLE, %gs:CPU_PREEMPT_COUNT
  jne 2f
restore_user:
  // IRET to an address that is not canonical would fault in kernel mode. Make it fault in user mode
  // instead: the top page of the user half can never be mapped.
  movq REGS_RIP(%rsp), %rax
  shrq $47, %rax
  jnz 3f
1:
  POP_REGS
  addq $8, %rsp
  swapgs
  iretq
2:
  movq %rsp, %rdi
  xorl %esi, %esi
  callq slow_user_return
  jmp restore_user
3:
  movabsq $0x7ffffffff000, %rax
  movq %rax, REGS_RIP(%rsp)
  jmp 1b

// Where a new user task starts: RAX holds the task that ran before.
  .globl user_task_start
user_task_start:
  movq %rax, %rdi
  callq first_switch
  jmp syscall_return

// Where a new kernel thread starts: RBX holds its function, R12 the argument. A kernel thread whose
// function returns has become a user program (kernel_init after exec).
  .globl kernel_task_start
kernel_task_start:
  movq %rax, %rdi
  callq first_switch
  sti
  movq %r12, %rdi
  callq *%rbx
  jmp syscall_return

// switch_stacks(rdi: &previous.stack_pointer, rsi: next's stack pointer, rdx: previous) returns
// `previous` on the next task's stack.
  .globl switch_stacks
switch_stacks:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  movq %rdx, %rax
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  retq
