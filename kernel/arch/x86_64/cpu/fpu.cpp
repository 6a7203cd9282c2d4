// SPDX-License-Identifier: MIT
//
// Saving and restoring FPU state; the rules are in fpu.h. XSAVE areas are in the standard format
// (the signal frame's); without XSAVE the same areas hold FXSAVE's format, their first 512 bytes.
//
// XSAVEOPT may skip what has not changed since the last XRSTOR *from the same address*. It is used
// only to save a task's own area, which was restored from or is the first ever use of the address
// since; a fresh area for a child is always written by XSAVE.
#include "arch/x86_64/cpu/fpu.h"

#include <cstring>

#include "arch/x86_64/cpu/features.h"
#include "arch/x86_64/cpu/instructions.h"
#include "mm/heap.h"
#include "mm/user_memory.h"
#include "sync/preempt.h"

namespace tine::arch {

struct alignas(64) FpuState {
  uint8_t legacy[24];
  uint32_t mxcsr;
  uint32_t mxcsr_mask;
  uint8_t legacy_rest[480];
  uint64_t xstate_bv;       // the XSAVE header: which components are not in their initial state
  uint64_t header_rest[7];  // must be zero
};

}  // namespace tine::arch

namespace tine::x86 {

using arch::FpuState;

extern "C" uint64_t xsave_user(uint64_t address, uint32_t low, uint32_t high);
extern "C" uint64_t fxsave_user(uint64_t address);

namespace {

// AVX's state, and with AVX-512's (CPUID 0xd says 832 and 2696 bytes).
constinit ObjectCacheBase small_areas{"fpu_state", 832, 64};
constinit ObjectCacheBase large_areas{"fpu_state_avx512", 2752, 64};
constinit FpuState initial_state{};
constinit uint32_t mxcsr_mask = 0xffbf;
constinit uint64_t control_0 = 0;

void allow_fpu_use() { asm volatile("clts"); }

void save(FpuState* area) {
  if (features.xsave) {
    asm volatile("xsave64 (%0)" ::"r"(area), "a"(features.xsave_mask),
                 "d"(features.xsave_mask >> 32)
                 : "memory");
  } else {
    asm volatile("fxsave64 (%0)" ::"r"(area) : "memory");
  }
}

void save_changes(FpuState* area) {
  if (!features.xsaveopt) return save(area);
  asm volatile("xsaveopt64 (%0)" ::"r"(area), "a"(features.xsave_mask),
               "d"(features.xsave_mask >> 32)
               : "memory");
}

void restore(const FpuState* area) {
  if (features.xsave) {
    asm volatile("xrstor64 (%0)" ::"r"(area), "a"(features.xsave_mask),
                 "d"(features.xsave_mask >> 32)
                 : "memory");
  } else {
    asm volatile("fxrstor64 (%0)" ::"r"(area) : "memory");
  }
}

// struct _fpx_sw_bytes, in the part of the FXSAVE area that the processor leaves to software.
struct SoftwareBytes {
  uint32_t magic1, extended_size;
  uint64_t features;
  uint32_t state_size, padding[7];
};
static_assert(sizeof(SoftwareBytes) == 48);
constexpr uint64_t kSoftwareBytesOffset = 464;
constexpr uint32_t kMagic1 = 0x4650'5853, kMagic2 = 0x4650'5845;
constexpr uint64_t kLegacyState = 3;  // x87 and SSE

SoftwareBytes software_bytes() {
  return {.magic1 = kMagic1,
          .extended_size = features.fpu_state_size + static_cast<uint32_t>(sizeof kMagic2),
          .features = features.xsave_mask,
          .state_size = features.fpu_state_size,
          .padding = {}};
}

bool is_extended_frame(UserAddr from) {
  if (!features.xsave) return false;
  Result<SoftwareBytes> bytes = UserIn<SoftwareBytes>(from + kSoftwareBytesOffset).read();
  if (!bytes || bytes->magic1 != kMagic1 || bytes->state_size != features.fpu_state_size) {
    return false;
  }
  Result<uint32_t> magic2 = UserIn<uint32_t>(from + features.fpu_state_size).read();
  return magic2 && *magic2 == kMagic2;
}

FpuState* allocate_area() {
  ObjectCacheBase& cache =
      features.fpu_state_size <= small_areas.object_size() ? small_areas : large_areas;
  auto* area = static_cast<FpuState*>(cache.allocate());
  if (area == nullptr) return nullptr;
  area->xstate_bv = 0;
  for (uint64_t& word : area->header_rest) word = 0;
  return area;
}

}  // namespace

void stop_fpu_use() { write_cr0(control_0 | kCr0TaskSwitched); }

void init_fpu() {
  allow_fpu_use();
  uint16_t control_word = 0x37f;
  memcpy(initial_state.legacy, &control_word, sizeof control_word);
  initial_state.mxcsr = 0x1f80;
  FpuState probe{};
  asm volatile("fxsave64 %0" : "+m"(probe));
  if (probe.mxcsr_mask) mxcsr_mask = probe.mxcsr_mask;
  control_0 = read_cr0() & ~kCr0TaskSwitched;
  init_fpu_of_this_cpu();
}

void init_fpu_of_this_cpu() {
  allow_fpu_use();
  asm volatile("fninit");
  restore(&initial_state);
  stop_fpu_use();
}

void switch_fpu(arch::ThreadContext& previous, arch::ThreadContext& next) {
  if (previous.fpu) {
    save_changes(previous.fpu);
    if (next.fpu) {
      restore(next.fpu);
    } else {
      restore(&initial_state);
      stop_fpu_use();
    }
  } else if (next.fpu) {
    allow_fpu_use();
    restore(next.fpu);
  }
}

Result<void> first_fpu_use(arch::ThreadContext& current) {
  FpuState* area = allocate_area();
  if (area == nullptr) return Errno::nomem;
  PreemptGuard guard;
  current.fpu = area;
  allow_fpu_use();  // the registers hold the initial state
  return {};
}

Result<void> fork_fpu(arch::ThreadContext& child, const arch::ThreadContext& current) {
  child.fpu = nullptr;
  if (current.fpu == nullptr) return {};
  FpuState* area = allocate_area();
  if (area == nullptr) return Errno::nomem;
  save(area);
  child.fpu = area;
  return {};
}

void reset_fpu(arch::ThreadContext& current) {
  if (current.fpu == nullptr) return;
  preempt_disable();
  FpuState* area = current.fpu;
  current.fpu = nullptr;
  restore(&initial_state);
  stop_fpu_use();
  preempt_enable();
  heap_free(area);
}

void free_fpu(arch::ThreadContext& context) {
  if (context.fpu) heap_free(context.fpu);
  context.fpu = nullptr;
}

uint64_t fpu_frame_size() { return features.fpu_state_size + sizeof kMagic2; }

bool save_fpu_to_user(UserAddr to) {
  if (!features.xsave) return fxsave_user(to.value) == 0;
  // XSAVE writes only the first word of its header.
  if (arch::clear_user(to + 512, 64) != 0) return false;
  if (xsave_user(to.value, static_cast<uint32_t>(features.xsave_mask),
                 static_cast<uint32_t>(features.xsave_mask >> 32)) != 0) {
    return false;
  }
  return UserOut<SoftwareBytes>(to + kSoftwareBytesOffset).write(software_bytes()) &&
         UserOut<uint32_t>(to + features.fpu_state_size).write(kMagic2);
}

Result<void> restore_fpu_from_user(arch::ThreadContext& current, UserAddr from) {
  FpuState* area = allocate_area();
  if (area == nullptr) return Errno::nomem;
  bool extended = is_extended_frame(from);
  if (arch::copy_from_user(area, from, extended ? features.fpu_state_size : 512) != 0) {
    heap_free(area);
    return Errno::fault;
  }
  // Whatever the program wrote there, XRSTOR must not find anything to fault on.
  area->mxcsr &= mxcsr_mask;
  area->xstate_bv = extended ? area->xstate_bv & features.xsave_mask : kLegacyState;
  for (uint64_t& word : area->header_rest) word = 0;
  preempt_disable();
  FpuState* old = current.fpu;
  current.fpu = area;
  allow_fpu_use();
  restore(area);
  preempt_enable();
  if (old) heap_free(old);
  return {};
}

}  // namespace tine::x86
