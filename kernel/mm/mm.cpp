// SPDX-License-Identifier: MIT
//
// The life of an Mm: made for exec, torn down when its last user goes (exit_mmap), destroyed when
// its last reference goes; and the loading of its page table on a CPU.
//
// A CPU owns a reference to the Mm whose page table it has loaded, so that a kernel thread, or a
// task that is exiting, may go on with it (B25). That reference may be the last one and be dropped
// by the scheduler with its run queue locked: the destructor therefore only gives memory back.
// mm_alloc() fails with ENOMEM. exit_mmap() may sleep (it takes objects' reverse-map locks).
#include "mm/mm.h"

#include "arch/cpu.h"
#include "core/panic.h"
#include "mm/mm_internal.h"
#include "mm/task_hooks.h"
#include "mm/tlb.h"
#include "mm/unmap.h"
#include "sched/schedulable.h"

namespace tine::mm {
namespace {

constexpr uint64_t kMaxSinglePageFlushes = 32;

bool is_loaded_here(const Mm& mm) { return arch::this_cpu().active_mm == &mm; }

// Other CPUs that have `mm` loaded must flush too. Interrupting them comes with the second CPU.
void shoot_down(const Mm& mm) {
  uint64_t others =
      mm.loaded_on.load(std::memory_order_relaxed) & ~(uint64_t{1} << arch::this_cpu().id);
  TINE_DEBUG_ASSERT(others == 0);
  (void)others;
}

void set_loaded(Mm* next) {
  arch::CpuLocal& cpu = arch::this_cpu();
  auto* previous = static_cast<Mm*>(cpu.active_mm);
  uint64_t this_bit = uint64_t{1} << cpu.id;
  if (next != nullptr) {
    next->ref_get();
    next->loaded_on.fetch_or(this_bit, std::memory_order_relaxed);
  }
  arch::load_page_table(next != nullptr ? next->top_table : arch::kernel_page_table());
  cpu.active_mm = next;
  if (previous != nullptr) {
    previous->loaded_on.fetch_and(~this_bit, std::memory_order_relaxed);
    previous->ref_put();
  }
}

void exit_mmap(Mm& mm) {
  // Nobody runs in it any more: leaving it now is the flush that freeing its tables needs.
  {
    arch::IrqState irqs = arch::irq_save();
    if (is_loaded_here(mm)) set_loaded(nullptr);
    arch::irq_restore(irqs);
  }
  WriteGuard guard(mm.mmap_lock);
  unmap_all_unused(mm);
  for (Vma* vma = mm.mappings.first(); vma != nullptr; vma = mm.mappings.next(*vma)) {
    detach_object(*vma);
  }
  mm.mappings.clear([](Vma* vma) { delete vma; });
  mm.map_count = 0;
  mm.exe_file.reset();
}

}  // namespace

constinit TaskHooks task_hooks = {
    .limit = [](MemoryLimit) { return ~uint64_t{0}; },
    .may_exceed_locked_limit = [] { return true; },
    .oom_kill = [](Mm&) { return false; },
};

Mm::~Mm() { TINE_DEBUG_ASSERT(users.load() == 0); }

Result<Ref<Mm>> mm_alloc() {
  Ref<Mm> mm = TRY(make_ref<Mm>());
  if (auto made = init_page_table(*mm); !made) {
    mm->users.store(0);
    return made.error();
  }
  return mm;
}

Result<void> init_page_table(Mm& mm) {
  if (fail_here()) return Errno::nomem;
  SpinGuard guard(mm.page_table_lock);
  TRY(mm.page_table.init(mm));
  mm.top_table = mm.page_table.top();
  return {};
}

void mm_put_user(Mm& mm) {
  if (mm.users.fetch_sub(1, std::memory_order_acq_rel) == 1) exit_mmap(mm);
}

bool mm_get_user_unless_zero(Mm& mm) {
  uint32_t seen = mm.users.load(std::memory_order_relaxed);
  while (seen != 0) {
    if (mm.users.compare_exchange_weak(seen, seen + 1, std::memory_order_acquire)) return true;
  }
  return false;
}

void switch_address_space(void* next_mm) {
  if (next_mm == nullptr || next_mm == arch::this_cpu().active_mm) return;
  set_loaded(static_cast<Mm*>(next_mm));
}

Mm* current_mm() { return static_cast<Mm*>(arch::current_schedulable()->mm); }

void flush_tlb_mm(Mm& mm) {
  PreemptGuard guard;
  if (is_loaded_here(mm)) arch::flush_tlb_all_user();
  shoot_down(mm);
}

void flush_tlb_range(Mm& mm, UserAddr start, UserAddr end) {
  PreemptGuard guard;
  if (is_loaded_here(mm)) {
    if (end - start > kMaxSinglePageFlushes * kPageSize) {
      arch::flush_tlb_all_user();
    } else {
      for (UserAddr at = start; at < end; at += kPageSize) arch::flush_tlb_page(at.value);
    }
  }
  shoot_down(mm);
}

void UnmapBatch::finish() {
  if (start_ < end_) flush_tlb_range(mm_, start_, end_);
  for (unsigned i = 0; i < count_; ++i) put_frame(*frames_[i]);
  tables_.free_all();
  count_ = 0;
  start_ = UserAddr(~uint64_t{0});
  end_ = UserAddr();
}

}  // namespace tine::mm
