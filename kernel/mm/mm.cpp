// SPDX-License-Identifier: MIT
//
// The life of an Mm: made for exec, torn down when its last user goes (exit_mmap), destroyed when
// its last reference goes. The last reference may be that of a CPU that has the page table loaded
// (mm/tlb.cpp) and be dropped by the scheduler with its run queue locked: the destructor therefore
// only gives memory back.
// mm_alloc() fails with ENOMEM. exit_mmap() may sleep (it takes objects' reverse-map locks).
#include "mm/mm.h"

#include "arch/cpu.h"
#include "core/panic.h"
#include "mm/fold.h"
#include "mm/mm_internal.h"
#include "mm/task_hooks.h"
#include "mm/tlb.h"
#include "mm/unmap.h"
#include "sched/schedulable.h"

namespace tine::mm {
namespace {

void exit_mmap(Mm& mm) {
  unload_everywhere(mm);
  WriteGuard guard(mm.mmap_lock);
  unmap_all_unused(mm);
  leave_family(mm);
  mm.map_count = 0;
  mm.committed = {};
  mm.huge_reserved = {};
  mm.exe_file.reset();
}

}  // namespace

constinit TaskHooks task_hooks = {
    .limit = [](MemoryLimit) { return ~uint64_t{0}; },
    .may_exceed_locked_limit = [] { return true; },
    .may_use_admin_reserve = [] { return false; },
    .for_each_mm = [](void (*)(void*, Mm&), void*) {},
    .oom_kill = [](Mm&) { return false; },
    .watch_sleepers = [] {},
};

Mm::~Mm() { TINE_DEBUG_ASSERT(users.load() == 0); }

Result<Ref<Mm>> make_mm_without_mappings() {
  Ref<Mm> mm = TRY(make_ref<Mm>());
  if (auto made = init_page_table(*mm); !made) {
    mm->users.store(0);
    return made.error();
  }
  return mm;
}

Result<Ref<Mm>> mm_alloc() {
  MmUser mm = MmUser::adopt(TRY(make_mm_without_mappings()));
  TRY(init_mappings(*mm));
  expect_sleeper();
  return mm.release();
}

Result<void> init_page_table(Mm& mm) {
  if (fail_here()) return Errno::nomem;
  SpinGuard guard(mm.page_table_lock);
  TRY(mm.page_table.init(mm));
  mm.top_table.store(mm.page_table.top(), std::memory_order_relaxed);
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

Mm* current_mm() {
  void* mm = arch::current_schedulable()->mm;
  return static_cast<Mm*>(mm);
}

}  // namespace tine::mm
