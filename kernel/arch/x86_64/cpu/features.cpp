// SPDX-License-Identifier: MIT
//
// CPUID and the control registers. A leaf above the maximum returns another leaf's data on TCG, so
// every leaf is checked against the maximum first. Runs on the boot CPU before anything that could
// fail; a processor without the required features (long mode, NX, SSE2) cannot have got here.
#include "arch/x86_64/cpu/features.h"

#include "arch/x86_64/cpu/instructions.h"

namespace tine::x86 {

constinit CpuFeatures features;

extern "C" {
// Read by the assembly: user copies open SMAP's window only where there is one, and page copies use
// AVX only where the state is enabled.
constinit uint8_t smap_enabled = 0;
constinit uint8_t avx_enabled = 0;
void syscall_entry();
}

namespace {

constexpr bool bit(uint32_t value, unsigned index) { return value >> index & 1; }

constexpr uint64_t kStateX87 = 1, kStateSse = 2, kStateAvx = 4, kStateAvx512 = 0xe0;

void detect_xsave_state() {
  CpuidResult state = cpuid(0xd, 0);
  uint64_t supported = uint64_t{state.edx} << 32 | state.eax;
  features.xsave_mask = kStateX87 | kStateSse;
  if (features.avx && (supported & kStateAvx)) features.xsave_mask |= kStateAvx;
  if ((features.xsave_mask & kStateAvx) && (supported & kStateAvx512) == kStateAvx512) {
    features.xsave_mask |= kStateAvx512;
  }
  features.avx = features.xsave_mask & kStateAvx;
  features.xsaveopt = bit(cpuid(0xd, 1).eax, 0);
  features.fpu_state_size = 512 + 64;
  for (unsigned component = 2; component < 8; ++component) {
    if (!(features.xsave_mask >> component & 1)) continue;
    CpuidResult r = cpuid(0xd, component);  // eax: size, ebx: offset
    if (r.eax + r.ebx > features.fpu_state_size) features.fpu_state_size = r.eax + r.ebx;
  }
}

void detect_hypervisor() {
  CpuidResult vendor = cpuid(0x4000'0000);
  features.kvm = vendor.ebx == 0x4b4d564b && vendor.ecx == 0x564b4d56 && vendor.edx == 0x4d;
  features.emulated = vendor.ebx == 0x5447'4354;  // "TCGT"
  if (features.kvm && vendor.eax >= 0x4000'0001) {
    features.kvm_clock = bit(cpuid(0x4000'0001).eax, 3);
  }
}

}  // namespace

void detect_features() {
  uint32_t max_leaf = cpuid(0).eax;
  CpuidResult basic = cpuid(1);
  features.xsave = bit(basic.ecx, 26);
  features.avx = bit(basic.ecx, 28);
  features.rdrand = bit(basic.ecx, 30);
  features.x2apic = bit(basic.ecx, 21);
  features.tsc_deadline = bit(basic.ecx, 24);
  features.hypervisor = bit(basic.ecx, 31);
  if (max_leaf >= 7) {
    CpuidResult extended = cpuid(7);
    features.fsgsbase = bit(extended.ebx, 0);
    features.smep = bit(extended.ebx, 7);
    features.smap = bit(extended.ebx, 20);
    features.umip = bit(extended.ecx, 2);
  }
  if (cpuid(0x8000'0000).eax >= 0x8000'0001) {
    features.gigabyte_pages = bit(cpuid(0x8000'0001).edx, 26);
  }
  if (features.xsave && max_leaf >= 0xd) {
    detect_xsave_state();
  } else {
    features.xsave = features.avx = false;
  }
  if (features.hypervisor) detect_hypervisor();
}

void enable_features() {
  uint64_t cr4 = read_cr4() | kCr4GlobalPages | kCr4FxSave | kCr4SseExceptions;
  if (features.umip) cr4 |= kCr4Umip;
  if (features.fsgsbase) cr4 |= kCr4FsGsBase;
  if (features.smep) cr4 |= kCr4Smep;
  if (features.smap) cr4 |= kCr4Smap;
  if (features.xsave) cr4 |= kCr4XSave;
  write_cr4(cr4);
  smap_enabled = features.smap;
  if (features.xsave) {
    asm volatile("xsetbv" ::"c"(0), "a"(static_cast<uint32_t>(features.xsave_mask)),
                 "d"(static_cast<uint32_t>(features.xsave_mask >> 32)));
  }
  avx_enabled = features.avx;

  // SYSCALL: kernel CS 0x10 (SS 0x18); SYSRET: base 0x23, so SS 0x2b, CS 0x33.
  write_msr(kMsrStar, uint64_t{0x23} << 48 | uint64_t{0x10} << 32);
  write_msr(kMsrLstar, reinterpret_cast<uint64_t>(&syscall_entry));
  write_msr(kMsrCstar, 0);
  write_msr(kMsrSyscallMask, 0x257fd5);  // every flag but RF and the fixed one
}

}  // namespace tine::x86
