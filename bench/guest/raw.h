// SPDX-License-Identifier: MIT
//
// System calls without a C library, shared by both benchmark programs.
//
// The no-libc rows must not carry a C library's mappings, start-up or atfork handlers, and the
// program that starts the rows has to run on a kernel that cannot yet start a glibc program. So
// every call here is the bare instruction; a result between -4095 and -1 is the negated errno, as
// the kernel gave it, and nothing here retries or hides it.
//
// vfork and thread creation are whole sequences in assembly: the child shares the parent's stack
// (or has an empty one), so no compiler-made code may run between the call and its exit or exec.
#pragma once

#include <asm/unistd.h>
#include <stddef.h>
#include <stdint.h>

namespace bench {

inline long raw_call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0,
                     long f = 0) {
  long result;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

inline bool is_error(long result) { return result < 0 && result >= -4095; }

template <typename T>
inline long as_long(T* pointer) {
  return reinterpret_cast<long>(pointer);
}

inline uint64_t read_ticks() {
  uint32_t low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
  return (uint64_t{high} << 32) | low;
}

inline long raw_fork() { return raw_call(__NR_fork); }
inline long raw_write(int fd, const void* data, size_t size) {
  return raw_call(__NR_write, fd, as_long(data), static_cast<long>(size));
}
inline long raw_read(int fd, void* data, size_t size) {
  return raw_call(__NR_read, fd, as_long(data), static_cast<long>(size));
}
inline long raw_open(const char* path, int flags) {
  return raw_call(__NR_open, as_long(path), flags, 0);
}
inline long raw_close(int fd) { return raw_call(__NR_close, fd); }
inline long raw_execve(const char* path, const char* const* argv, const char* const* envp) {
  return raw_call(__NR_execve, as_long(path), as_long(argv), as_long(envp));
}
inline long raw_wait(long pid, int* status) {
  return raw_call(__NR_wait4, pid, as_long(status), 0, 0);
}
[[noreturn]] inline void raw_exit(int status) {
  for (;;) raw_call(__NR_exit_group, status);
}

// vfork whose child leaves at once; returns what the parent got.
inline long raw_vfork_exit() {
  long result;
  asm volatile(
      "syscall\n"
      "test %%rax, %%rax\n"
      "jnz 1f\n"
      "xor %%edi, %%edi\n"
      "mov %[exit], %%eax\n"
      "syscall\n"
      "1:"
      : "=a"(result)
      : "a"(__NR_vfork), [exit] "i"(__NR_exit_group)
      : "rcx", "r11", "rdi", "memory");
  return result;
}

// vfork whose child executes a program, or leaves with 127 when that fails.
inline long raw_vfork_exec(const char* path, const char* const* argv, const char* const* envp) {
  long result;
  asm volatile(
      "syscall\n"
      "test %%rax, %%rax\n"
      "jnz 1f\n"
      "mov %[exec], %%eax\n"
      "syscall\n"
      "mov $127, %%edi\n"
      "mov %[exit], %%eax\n"
      "syscall\n"
      "1:"
      : "=a"(result)
      : "a"(__NR_vfork), "D"(path), "S"(argv),
        "d"(envp), [exec] "i"(__NR_execve), [exit] "i"(__NR_exit_group)
      : "rcx", "r11", "memory");
  return result;
}

// clone of a thread that leaves at once, on the given stack; returns what the creator got.
inline long raw_clone_thread_exit(long flags, void* stack_top, int* thread_id) {
  long result;
  register long r10 asm("r10") = as_long(thread_id);
  register long r8 asm("r8") = 0;
  asm volatile(
      "syscall\n"
      "test %%rax, %%rax\n"
      "jnz 1f\n"
      "xor %%edi, %%edi\n"
      "mov %[exit], %%eax\n"
      "syscall\n"
      "1:"
      : "=a"(result)
      : "a"(__NR_clone), "D"(flags), "S"(stack_top), "d"(thread_id), "r"(r10),
        "r"(r8), [exit] "i"(__NR_exit)
      : "rcx", "r11", "memory");
  return result;
}

}  // namespace bench
