// SPDX-License-Identifier: MIT
//
// First instructions of the no-libc programs: read the TSC before anything else (the starter
// reports it as the time from reset to init's first instruction), then call
// bench_entry(stack, ticks), which never returns.
    .text
    .globl _start
    .type _start, @function
_start:
    rdtsc
    shlq $32, %rdx
    orq %rdx, %rax
    movq %rax, %rsi
    movq %rsp, %rdi
    xorl %ebp, %ebp
    andq $-16, %rsp
    call bench_entry
    ud2
    .size _start, . - _start

    .section .note.GNU-stack, "", @progbits
