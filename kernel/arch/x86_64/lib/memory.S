// SPDX-License-Identifier: MIT
//
// memcpy and friends, which the compiler calls by name, and whole pages. Words, not bytes: an
// emulator that counts instructions counts every byte of a `rep movsb`. Small sizes are done with
// two overlapping moves. Nothing here faults on good pointers.

  .text
  .balign 16
  .globl memcpy
memcpy:
  movq %rdi, %rax
  cmpq $16, %rdx
  jbe 2f
  cmpq $32, %rdx
  ja 1f
  movq (%rsi), %rcx
  movq 8(%rsi), %r8
  movq -16(%rsi, %rdx), %r9
  movq -8(%rsi, %rdx), %r10
  movq %rcx, (%rdi)
  movq %r8, 8(%rdi)
  movq %r9, -16(%rdi, %rdx)
  movq %r10, -8(%rdi, %rdx)
  retq
1:
  movq -8(%rsi, %rdx), %r8            // the tail overlaps the words
  leaq -8(%rdi, %rdx), %r9
  leaq -1(%rdx), %rcx
  shrq $3, %rcx
  rep movsq
  movq %r8, (%r9)
  retq
2:
  cmpl $8, %edx
  jb 3f
  movq (%rsi), %rcx
  movq -8(%rsi, %rdx), %r8
  movq %rcx, (%rdi)
  movq %r8, -8(%rdi, %rdx)
  retq
3:
  cmpl $4, %edx
  jb 4f
  movl (%rsi), %ecx
  movl -4(%rsi, %rdx), %r8d
  movl %ecx, (%rdi)
  movl %r8d, -4(%rdi, %rdx)
  retq
4:
  testl %edx, %edx
  jz 5f
  movl %edx, %r10d                    // 1 to 3: first, middle and last byte
  shrl %r10d
  movzbl (%rsi), %ecx
  movzbl (%rsi, %r10), %r8d
  movzbl -1(%rsi, %rdx), %r9d
  movb %cl, (%rdi)
  movb %r8b, (%rdi, %r10)
  movb %r9b, -1(%rdi, %rdx)
5:
  retq

  .balign 16
  .globl memmove
memmove:                              // memcpy loads small sizes whole and goes upwards
  movq %rdi, %rax
  subq %rsi, %rax
  cmpq %rdx, %rax
  jae memcpy
  cmpq $32, %rdx
  jbe memcpy
  movq %rdi, %rax
  movq (%rsi), %r8
  leaq -8(%rsi, %rdx), %rsi
  leaq -8(%rdi, %rdx), %rdi
  leaq -1(%rdx), %rcx
  shrq $3, %rcx
  std
  rep movsq
  cld
  movq %r8, (%rax)
  retq

  .balign 16
  .globl memset
memset:
  movq %rdi, %rax
  movzbl %sil, %esi
  movabsq $0x0101010101010101, %rcx
  imulq %rcx, %rsi
  cmpq $8, %rdx
  jb 2f
  cmpq $32, %rdx
  ja 1f
  movq %rsi, (%rdi)
  movq %rsi, -8(%rdi, %rdx)
  cmpl $16, %edx
  jbe 3f
  movq %rsi, 8(%rdi)
  movq %rsi, -16(%rdi, %rdx)
  retq
1:
  movq %rsi, -8(%rdi, %rdx)
  leaq -1(%rdx), %rcx
  shrq $3, %rcx
  movq %rax, %r8
  movq %rsi, %rax
  rep stosq
  movq %r8, %rax
  retq
2:
  testl %edx, %edx
  jz 3f
  movb %sil, (%rdi)
  incq %rdi
  decl %edx
  jmp 2b
3:
  retq

// clear_page_words(rdi: page), copy_page_words(rdi: to, rsi: from)
  .balign 16
  .globl clear_page_words
clear_page_words:
  xorl %eax, %eax
  movl $512, %ecx
  rep stosq
  retq

  .balign 16
  .globl copy_page_words
copy_page_words:
  movl $512, %ecx
  rep movsq
  retq

// The same with AVX, 32 bytes an instruction, from page_copy.cpp, which has made the registers
// usable. They leave YMM0 (and YMM1) as zeros.
  .balign 16
  .globl clear_page_avx
clear_page_avx:
  vpxor %xmm0, %xmm0, %xmm0
  .set offset, 0
  .rept 128
  vmovdqa %ymm0, offset(%rdi)
  .set offset, offset + 32
  .endr
  retq

  .balign 16
  .globl copy_page_avx
copy_page_avx:
  .set offset, 0
  .rept 64
  vmovdqa offset(%rsi), %ymm0
  vmovdqa offset + 32(%rsi), %ymm1
  vmovdqa %ymm0, offset(%rdi)
  vmovdqa %ymm1, offset + 32(%rdi)
  .set offset, offset + 64
  .endr
  vpxor %xmm0, %xmm0, %xmm0
  vpxor %xmm1, %xmm1, %xmm1
  retq
