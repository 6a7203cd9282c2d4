// SPDX-License-Identifier: MIT
//
// Assembly macros shared by the entry code and the user copies: saving and restoring UserRegs, the
// exception table, and SMAP's window.
//
// STAC and CLAC assemble to a 3-byte nop, which patch_smap_sites() replaces at boot where the
// processor has SMAP; the instructions do not exist elsewhere.
#pragma once

#include "arch/x86_64/offsets.h"

.macro SMAP_SITE second
661:
  .byte 0x0f, 0x1f, 0x00
  .pushsection .smap_sites, "a"
  .quad 661b
  .quad \second
  .popsection
.endm
.macro STAC
  SMAP_SITE 0xcb
.endm
.macro CLAC
  SMAP_SITE 0xca
.endm

// A fault at `at` continues at `fixup`. kind 0: after the page-fault handler has failed; 1: at once.
.macro EXTABLE at, fixup, kind=0
  .pushsection .extable, "a"
  .long \at - KERNEL_BASE, \fixup - KERNEL_BASE, \kind
  .popsection
.endm

// Registers from rdi down to r15; orig_rax and the hardware's frame are on the stack already.
.macro PUSH_REGS rax=%rax
  pushq %rdi
  pushq %rsi
  pushq %rdx
  pushq %rcx
  pushq \rax
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
.endm

.macro POP_REGS
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbp
  popq %rbx
  popq %r11
  popq %r10
  popq %r9
  popq %r8
  popq %rax
  popq %rcx
  popq %rdx
  popq %rsi
  popq %rdi
.endm
