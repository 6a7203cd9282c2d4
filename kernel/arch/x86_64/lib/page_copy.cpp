// SPDX-License-Identifier: MIT
//
// Clearing and copying whole pages, the kernel's most frequent bulk work, with AVX where there is
// AVX. The registers may hold the running task's live state: then the two that are used are saved
// on the stack. Otherwise CR0.TS is lifted for the moment, and the registers are left as they were:
// all zero, the initial state. Preemption is off meanwhile, because a switch in between would find
// the FPU in use by a task that has no area. Interrupt handlers do no bulk work.
#include "arch/page_table.h"
#include "arch/x86_64/cpu/features.h"
#include "arch/x86_64/cpu/fpu.h"
#include "sched/schedulable.h"
#include "sync/preempt.h"

namespace tine::arch {

extern "C" {
void clear_page_words(void* page);
void copy_page_words(void* to, const void* from);
void clear_page_avx(void* page);
void copy_page_avx(void* to, const void* from);
}

namespace {

// The two registers are the kernel's while this lives.
class BorrowedRegisters {
 public:
  BorrowedRegisters() : live_(current_schedulable() && current_schedulable()->context.fpu) {
    preempt_disable();
    if (live_) {
      asm volatile("vmovdqa %%ymm0, %0; vmovdqa %%ymm1, %1" : "=m"(saved_[0]), "=m"(saved_[1]));
    } else {
      asm volatile("clts");
    }
  }
  ~BorrowedRegisters() {
    if (live_) {
      asm volatile("vmovdqa %0, %%ymm0; vmovdqa %1, %%ymm1" ::"m"(saved_[0]), "m"(saved_[1]));
    } else {
      x86::stop_fpu_use();
    }
    preempt_enable();
  }
  BorrowedRegisters(const BorrowedRegisters&) = delete;
  BorrowedRegisters& operator=(const BorrowedRegisters&) = delete;

 private:
  struct alignas(32) Register {
    uint8_t bytes[32];
  };
  Register saved_[2];
  bool live_;
};

// A move to YMM clears the upper half of the ZMM register that it is part of.
bool may_use_avx() {
  constexpr uint64_t kZmmState = 1 << 6;
  return x86::features.avx && !(x86::features.xsave_mask & kZmmState);
}

}  // namespace

void clear_page(void* page) {
  if (!may_use_avx()) return clear_page_words(page);
  BorrowedRegisters registers;
  clear_page_avx(page);
}

void copy_page(void* to, const void* from) {
  if (!may_use_avx()) return copy_page_words(to, from);
  BorrowedRegisters registers;
  copy_page_avx(to, from);
}

}  // namespace tine::arch
