# SPDX-License-Identifier: MIT
#
# Freestanding C++23 for the x86-64 kernel: clang, libc++'s headers under the project's own
# configuration, musl's C headers, no standard library to link.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_C_COMPILER_TARGET x86_64-unknown-none-elf)
# Only for this system does clang 19 read the stack canary through a segment register, as a canary for
# each task needs. Nothing else of it is wanted: headers must not take the kernel for a program.
set(CMAKE_CXX_COMPILER_TARGET x86_64-unknown-linux-gnu)
set(CMAKE_CXX_FLAGS_INIT "-U_GNU_SOURCE -U__gnu_linux__ -U__linux__ -U__linux -Ulinux -U__unix__ -U__unix -Uunix")
set(CMAKE_ASM_COMPILER clang-19)
set(CMAKE_ASM_COMPILER_TARGET x86_64-unknown-none-elf)
