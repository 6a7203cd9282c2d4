// SPDX-License-Identifier: MIT
//
// The smallest program to execute: it exits with status 0. Target of the fork+exec rows.
    .text
    .globl _start
    .type _start, @function
_start:
    xorl %edi, %edi
    movl $231, %eax // exit_group
    syscall
    ud2
    .size _start, . - _start

    .section .note.GNU-stack, "", @progbits
