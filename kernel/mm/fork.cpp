// SPDX-License-Identifier: MIT
//
// dup_mm: fork's copy of an address space (Linux: dup_mm, dup_mmap, copy_page_range).
//
// Nothing is copied: parent and child share the mappings (mm/mapping_index.h) and the page tables
// (mm/table_sharing.cpp), and whoever changes something first copies what lies on the way to it.
// Where a mapping is marked (MADV_DONTFORK, MADV_WIPEONFORK, mlock), the child then changes it as a
// program would. The parent loses the right to write and its flush belongs to an object that lives
// through every return (B21, B23). The unfinished child is a user of itself and is torn down like
// any other. The parent's mmap_lock is held exclusively throughout (B33). ENOMEM.
#include "mm/fold.h"
#include "mm/mm.h"
#include "mm/mm_internal.h"
#include "mm/tlb.h"
#include "mm/unmap.h"

namespace tine::mm {
namespace {

// The child is private, but a truncation may look for pages in those of its mappings that are
// already in a reverse map. It never holds two of these locks, so waiting for it is safe, and the
// order of ranks has no place for a second lock of the same rank.
void lock_child(Mm& child) ACQUIRE(child.page_table_lock) {
  while (!child.page_table_lock.try_lock()) arch::cpu_relax();
}

Result<void> share_tables(Mm& parent, Mm& child, FlushOnExit& flush) {
  SpinGuard guard(parent.page_table_lock);
  TRY(unfold(parent));
  lock_child(child);
  if (parent.page_table.share_with(child.page_table)) flush.note_write_protected();
  for (unsigned kind = 0; kind < kRssKinds; ++kind) {
    child.rss[kind].store(parent.rss[kind].load(std::memory_order_relaxed),
                          std::memory_order_relaxed);
  }
  child.page_table_lock.unlock();
  return {};
}

// A truncation sees the child with the parent's pages, or does not see it yet.
Result<void> share_all(Mm& parent, Mm& child, FlushOnExit& flush) REQUIRES(parent.mmap_lock) {
  ForkFamily& family = *parent.family_place.family;
  MutexGuard guard(family.lock);
  child.mmap_lock.assert_held();  // as good as: nobody else knows the child
  join_family(child, family);
  parent.mappings.share_with(child.mappings);
  child.map_count = parent.map_count;
  return share_tables(parent, child, flush);
}

// In pages: what was promised for mappings that the child will not have.
uint64_t promised_for_parent_alone(Mm& parent) REQUIRES(parent.mmap_lock) {
  uint64_t pages = 0;
  UserAddr at;
  while (const Vma* vma = parent.mappings.next_marked(at)) {
    at = vma->end;
    if ((vma->flags & kVmDontFork) && (vma->flags & kVmAccount)) pages += vma->pages();
  }
  return pages;
}

// A marked mapping in the child, which has it as the parent does.
Result<void> obey_marks(Mm& child, const Vma& vma) REQUIRES(child.mmap_lock) {
  if (vma.flags & (kVmDontFork | kVmWipeOnFork)) {
    TRY(prepare_unmap(child, vma.start, vma.end));
    TRY(unmap_pages(child, vma.start, vma.end));
  }
  if (vma.flags & kVmDontFork) {
    TRY(child.mappings.own(vma.start, vma.end));
    account_pages(child, vma.flags & ~kVmAnyLock, -static_cast<int64_t>(vma.pages()));
    erase_mapping(child, vma);
  } else if (vma.flags & (kVmLocked | kVmHugeReserved)) {  // B17, E75
    Vma* ours = TRY(own_mapping(child, vma));
    child.mappings.set_flags(*ours, ours->flags & ~(kVmAnyLock | kVmHugeReserved));
  }
  return {};
}

Result<void> obey_all_marks(Mm& child) REQUIRES(child.mmap_lock) {
  UserAddr at;
  while (const Vma* vma = child.mappings.next_marked(at)) {
    at = vma->end;
    TRY(obey_marks(child, *vma));
  }
  return {};
}

void copy_description(const Mm& parent, Mm& child) {
  child.total_vm = parent.total_vm;
  child.data_vm = parent.data_vm;
  child.exec_vm = parent.exec_vm;
  child.stack_vm = parent.stack_vm;
  child.mmap_base = parent.mmap_base;
  child.start_code = parent.start_code;
  child.end_code = parent.end_code;
  child.start_data = parent.start_data;
  child.end_data = parent.end_data;
  child.start_brk = parent.start_brk;
  child.brk = parent.brk;
  child.start_stack = parent.start_stack;
  child.arg_start = parent.arg_start;
  child.arg_end = parent.arg_end;
  child.env_start = parent.env_start;
  child.env_end = parent.env_end;
  child.vdso = parent.vdso;
  child.auxv = parent.auxv;
  child.exe_file = parent.exe_file;
  child.dumpable = parent.dumpable;
  child.coredump_filter = parent.coredump_filter;
  child.membarrier_registrations.store(parent.membarrier_registrations.load());
  child.no_huge_pages = parent.no_huge_pages;
  child.repeats_places = parent.repeats_places;
  child.has_lost_pool_pages = parent.has_lost_pool_pages;
}

}  // namespace

Result<Ref<Mm>> dup_mm(Mm& parent) {
  Ref<Mm> made = TRY(make_mm_without_mappings());
  MmUser user = MmUser::adopt(std::move(made));
  Mm& child = *user;
  WriteGuard parent_guard(parent.mmap_lock);
  FlushOnExit flush(parent);
  copy_description(parent, child);
  child.mmap_lock.assert_held();
  TRY(child.committed.grow({.pages = parent.committed.pages() - promised_for_parent_alone(parent),
                            .size_of_caller = parent.total_vm}));
  TRY(share_all(parent, child, flush));
  TRY(obey_all_marks(child));
  child.hiwater_vm = child.total_vm;
  child.hiwater_rss.store(child.rss_pages(), std::memory_order_relaxed);
  expect_sleeper();
  return user.release();
}

}  // namespace tine::mm
