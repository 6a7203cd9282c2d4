// SPDX-License-Identifier: MIT
//
// The only instructions that touch a program's memory. Each may fault; a fault that the page-fault
// handler could not resolve continues at the fix-up that the exception table names (EXTABLE).
//
// copy_user(rdi: to, rsi: from, rdx: bytes) returns the bytes not copied. It moves 8 bytes at a
// time and, after a fault, again byte by byte up to the bad address, so that a short read or write
// is exact. Which side is the program's does not matter here: SMAP's window is open for both.
#include "arch/x86_64/entry/macros.h"

  .text
  .balign 16
  .globl copy_user
copy_user:
  STAC
  movq %rdx, %rcx
  cmpq $32, %rdx
  ja 3f
  je 9f
  shrl $3, %ecx
  jz 2f
1:
  movq (%rsi), %rax
11:
  movq %rax, (%rdi)
  addq $8, %rsi
  addq $8, %rdi
  decl %ecx
  jnz 1b
2:
  andl $7, %edx
  jz 5f
4:
  movzbl (%rsi), %eax
12:
  movb %al, (%rdi)
  incq %rsi
  incq %rdi
  decl %edx
  jnz 4b
5:
  xorl %eax, %eax
  CLAC
  retq
3:
  shrq $3, %rcx
13:
  rep movsq
  jmp 2b

9:                                    // a sigaction, two timespecs: without a loop
  shrl $3, %ecx                       // 6 wants the words that are left: all
90:
  movq (%rsi), %rax
91:
  movq 8(%rsi), %r8
92:
  movq 16(%rsi), %r9
93:
  movq 24(%rsi), %r10
94:
  movq %rax, (%rdi)
95:
  movq %r8, 8(%rdi)
96:
  movq %r9, 16(%rdi)
97:
  movq %r10, 24(%rdi)
  xorl %eax, %eax
  CLAC
  retq

6:                                    // a word failed: the rest byte by byte
  andl $7, %edx
  leaq (%rdx, %rcx, 8), %rdx
7:
  movzbl (%rsi), %eax
17:
  movb %al, (%rdi)
  incq %rsi
  incq %rdi
  decq %rdx
  jnz 7b
8:
  movq %rdx, %rax
  CLAC
  retq
  EXTABLE 1b, 6b
  EXTABLE 11b, 6b
  EXTABLE 90b, 6b
  EXTABLE 91b, 6b
  EXTABLE 92b, 6b
  EXTABLE 93b, 6b
  EXTABLE 94b, 6b
  EXTABLE 95b, 6b
  EXTABLE 96b, 6b
  EXTABLE 97b, 6b
  EXTABLE 13b, 6b
  EXTABLE 4b, 8b
  EXTABLE 12b, 8b
  EXTABLE 7b, 8b, 1
  EXTABLE 17b, 8b, 1

// clear_user_bytes(rdi: to, rsi: bytes) returns the bytes not cleared.
  .balign 16
  .globl clear_user_bytes
clear_user_bytes:
  STAC
  xorl %eax, %eax
  movq %rsi, %rcx
  andl $7, %esi
  shrq $3, %rcx
1:
  rep stosq
  movl %esi, %ecx
2:
  rep stosb
  CLAC
  retq
3:
  leaq (%rsi, %rcx, 8), %rcx
4:
  rep stosb
5:
  movq %rcx, %rax
  CLAC
  retq
  EXTABLE 1b, 3b
  EXTABLE 2b, 5b
  EXTABLE 4b, 5b, 1

// copy_user_string(rdi: to, rsi: from, rdx: capacity > 0) returns the length without NUL, the
// capacity if there was no NUL, or -1 for a fault. Eight bytes at a time while the source is
// aligned, so that it never reads beyond the page of the NUL.
  .balign 16
  .globl copy_user_string
copy_user_string:
  STAC
  xorl %eax, %eax
  movabsq $0x0101010101010101, %r8
  movabsq $0x8080808080808080, %r9
1:
  testb $7, %sil
  jz 4f
2:
  movzbl (%rsi), %ecx
  movb %cl, (%rdi, %rax)
  testl %ecx, %ecx
  jz 3f
  incq %rsi
  incq %rax
  cmpq %rdx, %rax
  jb 1b
3:
  CLAC
  retq
4:
  leaq 8(%rax), %r10
  cmpq %rdx, %r10
  ja 2b
5:
  movq (%rsi), %rcx
  movq %rcx, %r11
  notq %r11
  andq %r9, %r11
  movq %rcx, %r10
  subq %r8, %r10
  andq %r11, %r10                     // the lowest set 0x80 marks the first zero byte
  movq %rcx, (%rdi, %rax)
  jnz 6f
  addq $8, %rsi
  addq $8, %rax
  cmpq %rdx, %rax
  jb 4b
  CLAC
  retq
6:
  bsfq %r10, %rcx
  shrl $3, %ecx
  addq %rcx, %rax
  CLAC
  retq
7:
  movq $-1, %rax
  CLAC
  retq
  EXTABLE 2b, 7b
  EXTABLE 5b, 7b

// load_user_u32(rdi: address, rsi: &value) and cmpxchg_user_u32(rdi: address, rsi: &expected, rdx:
// desired, which returns what it found in *rsi): 0, or 1 for a fault. They never handle a fault.
  .balign 16
  .globl load_user_u32
load_user_u32:
  STAC
1:
  movl (%rdi), %eax
  CLAC
  movl %eax, (%rsi)
  xorl %eax, %eax
  retq
  EXTABLE 1b, user_u32_fault, 1

  .balign 16
  .globl cmpxchg_user_u32
cmpxchg_user_u32:
  movl (%rsi), %eax
  STAC
1:
  lock cmpxchgl %edx, (%rdi)
  CLAC
  movl %eax, (%rsi)
  xorl %eax, %eax
  retq
  EXTABLE 1b, user_u32_fault, 1

user_u32_fault:
  CLAC
  movl $1, %eax
  retq

// xsave_user(rdi: 64-byte aligned area, esi:edx: mask) and fxsave_user(rdi): 0, or 1 for a fault.
  .balign 16
  .globl xsave_user
xsave_user:
  movl %esi, %eax
  STAC
1:
  xsave64 (%rdi)
  CLAC
  xorl %eax, %eax
  retq
  EXTABLE 1b, user_u32_fault

  .balign 16
  .globl fxsave_user
fxsave_user:
  STAC
1:
  fxsave64 (%rdi)
  CLAC
  xorl %eax, %eax
  retq
  EXTABLE 1b, user_u32_fault
