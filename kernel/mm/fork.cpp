// SPDX-License-Identifier: MIT
//
// dup_mm: fork's copy of an address space (Linux: dup_mm, dup_mmap, copy_page_range).
//
// Mappings are copied in address order, but for those marked MADV_DONTFORK, and the entries of
// their page tables with them; frames are shared, and where either side may write to private memory
// both lose the right to, so that the first writer copies. The parent's flush belongs to an object
// that lives through every return, because a copy that fails halfway has write-protected the parent
// all the same (B21, B23). The unfinished child is a user of itself and is torn down like any
// other. The parent's mmap_lock is held exclusively throughout (B33). ENOMEM.
#include "mm/mm.h"
#include "mm/mm_internal.h"
#include "mm/tlb.h"
#include "mm/unmap.h"

namespace tine::mm {
namespace {

using arch::Pte;

// Pages of a large file mapping are cheaper to fault in again, many at once, than to copy.
constexpr uint64_t kMaxCopiedFilePages = 512;

// The child is private, but a truncation may look for pages in those of its mappings that are
// already in a reverse map. It never holds two of these locks, so waiting for it is safe, and the
// order of ranks has no place for a second lock of the same rank.
void lock_child(Mm& child) ACQUIRE(child.page_table_lock) NO_THREAD_SAFETY_ANALYSIS {
  while (!child.page_table_lock.try_lock()) arch::cpu_relax();
}

struct CopyRules {
  bool write_protect;
  bool skip_file_pages;
};

CopyRules rules_for(const Vma& vma) {
  return {.write_protect = (vma.flags & (kVmShared | kVmMayWrite)) == kVmMayWrite,
          .skip_file_pages = vma.object && vma.pages() > kMaxCopiedFilePages};
}

// One leaf table's worth; both locks are held. False: no memory for the child's table.
bool copy_leaf(LeafWalk& walk, PageTable& to, CopyRules rules, RssDelta& copied,
               bool& protected_any) {
  LeafTable target;
  for (unsigned i = walk.first; i < walk.last; ++i) {
    Pte entry = walk.leaf.get(i);
    if (is_empty(entry)) continue;
    Frame& frame = frame_at(entry.address());
    if (rules.skip_file_pages && frame.kind == FrameKind::cache) continue;
    if (!target) [[unlikely]] {
      target = fail_here() ? LeafTable() : to.make(walk.at);
      if (!target) return false;
    }
    if (is_counted(frame)) {
      get_frame(frame);
      copied.count(frame);
    }
    if (rules.write_protect && entry.is_writable()) {
      entry = entry.without_write();
      walk.leaf.replace(i, entry);
      protected_any = true;
    }
    target.insert(i, entry);
  }
  return true;
}

// A leaf table at a time, so that a large parent does not keep the CPU to itself.
Result<void> copy_pages(Mm& from, Mm& to, const Vma& vma, FlushOnExit& flush) {
  CopyRules rules = rules_for(vma);
  for (LeafWalk walk(from.tables(), vma.start, vma.end); !walk.is_done();) {
    SpinGuard guard(from.page_table_lock);
    if (!walk.next()) break;
    RssDelta copied;
    bool protected_any = false;
    lock_child(to);
    bool complete = copy_leaf(walk, to.page_table, rules, copied, protected_any);
    copied.add_to(to);
    to.page_table_lock.unlock();
    if (protected_any) flush.note_write_protected();
    if (!complete) return Errno::nomem;
  }
  return {};
}

Result<Owned<Vma>> copy_mapping(const Vma& vma, Mm& child) {
  Owned<Vma> copy = TRY(make<Vma>());
  copy->start = vma.start;
  copy->end = vma.end;
  copy->flags = vma.flags & ~kVmLocked;
  copy->mm = &child;
  copy->object = vma.object;
  copy->object_page = vma.object_page;
  copy->name = vma.name;
  return copy;
}

// Copies the entries while no truncation can look, then makes the child's mapping known to it, just
// after the parent's (B20).
Result<void> copy_object_pages(Mm& parent, Mm& child, Vma& vma, Vma& copy, FlushOnExit& flush) {
  MutexGuard guard(vma.object->reverse_map_lock());
  Result<void> copied = copy_pages(parent, child, vma, flush);
  vma.object->link_after_locked(copy, vma);
  return copied;
}

Result<void> dup_mapping(Mm& parent, Mm& child, Vma& vma, FlushOnExit& flush)
    REQUIRES(parent.mmap_lock, child.mmap_lock) {
  Owned<Vma> owned = TRY(copy_mapping(vma, child));
  if (vma.flags & kVmDenyWrite) TRY(vma.object->deny_write());
  Vma& copy = *owned.leak();
  child.mappings.insert_last(copy);  // also when copying fails: the teardown finds it there
  ++child.map_count;
  if (vma.object) return copy_object_pages(parent, child, vma, copy, flush);
  if (vma.flags & kVmWipeOnFork) return {};
  return copy_pages(parent, child, vma, flush);
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
  for (size_t i = 0; i < Mm::kAuxvEntries; ++i) child.saved_auxv[i] = parent.saved_auxv[i];
  child.exe_file = parent.exe_file;
  child.dumpable = parent.dumpable;
  child.coredump_filter = parent.coredump_filter;
}

}  // namespace

Result<Ref<Mm>> dup_mm(Mm& parent) {
  Ref<Mm> made = TRY(mm_alloc());
  MmUser user = MmUser::adopt(std::move(made));
  Mm& child = *user;
  WriteGuard parent_guard(parent.mmap_lock);
  FlushOnExit flush(parent);
  copy_description(parent, child);
  child.mmap_lock.assert_held();  // as good as: nobody else knows the child
  for (Vma* vma = parent.mappings.first(); vma != nullptr; vma = parent.mappings.next(*vma)) {
    if (vma->flags & kVmDontFork) {
      account_pages(child, vma->flags & ~kVmLocked, -static_cast<int64_t>(vma->pages()));
    } else {
      TRY(dup_mapping(parent, child, *vma, flush));
    }
  }
  child.hiwater_vm = child.total_vm;
  child.hiwater_rss.store(child.rss_pages(), std::memory_order_relaxed);
  return user.release();
}

}  // namespace tine::mm
