// SPDX-License-Identifier: MIT
//
// Single instructions as functions: control registers, model-specific registers, ports, CPUID.
// Nothing here has state or can fail; callers know what their processor has (cpu/features.h).
#pragma once

#include <cstdint>

namespace tine::x86 {

inline void out8(uint16_t port, uint8_t value) {
  asm volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}
inline void out16(uint16_t port, uint16_t value) {
  asm volatile("outw %0, %1" ::"a"(value), "Nd"(port));
}
inline void out32(uint16_t port, uint32_t value) {
  asm volatile("outl %0, %1" ::"a"(value), "Nd"(port));
}
inline uint32_t in32(uint16_t port) {
  uint32_t value;
  asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
inline uint8_t in8(uint16_t port) {
  uint8_t value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

inline uint64_t read_msr(uint32_t msr) {
  uint32_t low, high;
  asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
  return uint64_t{high} << 32 | low;
}
inline void write_msr(uint32_t msr, uint64_t value) {
  asm volatile("wrmsr" ::"c"(msr), "a"(static_cast<uint32_t>(value)),
               "d"(static_cast<uint32_t>(value >> 32))
               : "memory");
}
inline constexpr uint32_t kMsrApicBase = 0x1b;
inline constexpr uint32_t kMsrTscDeadline = 0x6e0;
inline constexpr uint32_t kMsrX2ApicBase = 0x800;
inline constexpr uint32_t kMsrStar = 0xc000'0081;
inline constexpr uint32_t kMsrLstar = 0xc000'0082;
inline constexpr uint32_t kMsrCstar = 0xc000'0083;
inline constexpr uint32_t kMsrSyscallMask = 0xc000'0084;
inline constexpr uint32_t kMsrFsBase = 0xc000'0100;
inline constexpr uint32_t kMsrGsBase = 0xc000'0101;
inline constexpr uint32_t kMsrKernelGsBase = 0xc000'0102;

struct CpuidResult {
  uint32_t eax, ebx, ecx, edx;
};
inline CpuidResult cpuid(uint32_t leaf, uint32_t subleaf = 0) {
  CpuidResult r;
  asm volatile("cpuid"
               : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
               : "a"(leaf), "c"(subleaf));
  return r;
}

inline uint64_t read_cr0() {
  uint64_t v;
  asm volatile("movq %%cr0, %0" : "=r"(v));
  return v;
}
inline uint64_t read_cr2() {
  uint64_t v;
  asm volatile("movq %%cr2, %0" : "=r"(v));
  return v;
}
inline uint64_t read_cr4() {
  uint64_t v;
  asm volatile("movq %%cr4, %0" : "=r"(v));
  return v;
}
inline void write_cr0(uint64_t v) { asm volatile("movq %0, %%cr0" ::"r"(v) : "memory"); }
inline void write_cr3(uint64_t v) { asm volatile("movq %0, %%cr3" ::"r"(v) : "memory"); }
inline void write_cr4(uint64_t v) { asm volatile("movq %0, %%cr4" ::"r"(v) : "memory"); }

inline constexpr uint64_t kCr0TaskSwitched = 1u << 3;
inline constexpr uint64_t kCr4GlobalPages = 1u << 7;
inline constexpr uint64_t kCr4FxSave = 1u << 9;
inline constexpr uint64_t kCr4SseExceptions = 1u << 10;
inline constexpr uint64_t kCr4Umip = 1u << 11;
inline constexpr uint64_t kCr4FsGsBase = 1u << 16;
inline constexpr uint64_t kCr4XSave = 1u << 18;
inline constexpr uint64_t kCr4Smep = 1u << 20;
inline constexpr uint64_t kCr4Smap = 1u << 21;

}  // namespace tine::x86
