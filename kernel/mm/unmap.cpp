// SPDX-License-Identifier: MIT
//
// Removing, protecting and moving page-table entries. See unmap.h.
//
// A frame whose entry is removed is put only after the flush (UnmapBatch), because another thread
// of the process may still reach it through this or another CPU's translation cache. At exit nobody
// can, and frames and tables are given back at once. Where tables are shared since a fork, whole
// ones are dropped and only those on the edge of the range are copied.
#include "mm/unmap.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "mm/tlb.h"

namespace tine::mm {

using arch::Pte;

namespace {
constexpr uint64_t kValid = 1;
}

Pte hide(Pte entry) { return std::bit_cast<Pte>(entry.raw() & ~kValid); }

arch::PteFlags entry_flags(uint32_t vm_flags) {
  arch::PteFlags flags = arch::kUser | arch::kAccessed;
  if (vm_flags & kVmExec) flags |= arch::kExecutable;
  return flags;
}

namespace {

// Frees pages of the leaf table at `start`, no further than `end` and as far as the batch takes
// them; returns where it stopped. Null: there is no memory to make the table the Mm's own.
std::optional<UserAddr> unmap_leaf(Mm& mm, UserAddr start, UserAddr end, UnmapBatch& batch)
    REQUIRES(mm.page_table_lock) {
  LeafTable leaf = mm.page_table.change(start);
  if (!leaf) return {};
  UserAddr stop = std::min(end, leaf_end(start));
  RssDelta gone;
  UserAddr at = start;
  for (; at < stop && leaf.entries_in_use() != 0 && !batch.is_full(); at += kPageSize) {
    unsigned index = LeafTable::index_of(at);
    if (is_empty(leaf.get(index))) continue;
    Frame& frame = frame_at(leaf.remove(index).address());
    if (!is_counted(frame)) continue;
    gone.count(frame);
    batch.add(frame);
  }
  gone.subtract_from(mm);
  batch.note_range(start, at);
  if (leaf.entries_in_use() != 0) return at;
  mm.page_table.detach_if_empty(start, batch.tables());
  return stop;
}

// Unlinks the largest table at `start` that is shared or of a huge page, and within the range, and
// drops it.
Result<UserAddr> unmap_whole(Mm& mm, UserAddr start, UserAddr end) {
  UnmapBatch batch(mm);
  RssDelta gone;
  PageTable::Unlinked unlinked;
  {
    SpinGuard guard(mm.page_table_lock);
    unlinked = TRY(mm.page_table.unlink_whole(start, end, gone));
    if (unlinked.table == nullptr) return start;
    gone.subtract_from(mm);
    mm.page_table.detach_if_empty(start, batch.tables());
  }
  batch.note_range(start, unlinked.end);
  batch.note_dropped_table();
  batch.finish();
  put_table(*unlinked.table, unlinked.level);
  return unlinked.end;
}

}  // namespace

Result<void> unfold_now(Mm& mm) {
  if (fail_here() || !mm.page_table.unfold()) return Errno::nomem;
  return {};
}

namespace {

// Whether nothing is left of the range, because the tables are folded and it was enough to take
// entries out of the record.
bool unmap_folded(Mm& mm, UserAddr start, UserAddr end) REQUIRES(mm.page_table_lock) {
  RssDelta gone;
  if (!mm.page_table.remove_folded(start, end, gone)) return false;
  gone.subtract_from(mm);
  return true;
}

}  // namespace

Result<void> unmap_pages(Mm& mm, UserAddr start, UserAddr end) {
  UnmapBatch batch(mm);
  for (UserAddr at = start; at < end;) {
    bool may_be_whole = false;
    {
      SpinGuard guard(mm.page_table_lock);
      if (mm.page_table.is_folded()) [[unlikely]] {
        if (unmap_folded(mm, at, end)) return {};
        TRY(unfold(mm));
      }
      at = mm.page_table.next_populated(at, end);
      if (at >= end) return {};
      may_be_whole = mm.page_table.needs_own(at);
      if (!may_be_whole) {
        std::optional<UserAddr> reached = unmap_leaf(mm, at, end, batch);
        if (!reached) return Errno::nomem;
        at = *reached;
      }
    }
    if (may_be_whole) at = TRY(unmap_whole(mm, at, end));  // here still: what is left is now ours
    if (batch.is_full()) batch.finish();
  }
  return {};
}

Result<void> prepare_unmap(Mm& mm, UserAddr start, UserAddr end) {
  SpinGuard guard(mm.page_table_lock);
  TRY(unfold(mm));
  for (UserAddr cut : {start, end}) {
    if (!mm.page_table.needs_own(cut)) continue;
    if (fail_here() || !mm.page_table.own_cut(cut)) return Errno::nomem;
  }
  return {};
}

Result<void> own_pages(Mm& mm, UserAddr start, UserAddr end, HugePages huge) {
  for (UserAddr at = start; at < end; at = leaf_end(at)) {
    SpinGuard guard(mm.page_table_lock);
    TRY(unfold(mm));
    at = mm.page_table.next_populated(at, end);
    if (at >= end || !mm.page_table.needs_own(at)) continue;
    if (fail_here()) return Errno::nomem;
    bool is_own =
        huge == HugePages::keep ? mm.page_table.own_window(at, end) : mm.page_table.own(at);
    if (!is_own) return Errno::nomem;
  }
  return {};
}

void unmap_all_unused(Mm& mm) {
  Owned<FoldedTables> folded;  // dropped without the lock
  for (;;) {
    Frame* table;
    {
      SpinGuard guard(mm.page_table_lock);
      table = mm.page_table.unlink_next();
      if (table == nullptr) {
        folded = mm.page_table.take_folded();
        mm.note_peak_rss();
        for (auto& pages : mm.rss) pages.store(0, std::memory_order_relaxed);
        return;
      }
    }
    put_table(*table, arch::kTableLevels - 2);
  }
}

namespace {

Pte with_rights(Pte entry, uint32_t vm_flags) {
  arch::PteFlags flags = entry_flags(vm_flags);
  if (entry.is_huge()) flags |= arch::kHuge;
  Pte wanted = Pte::page(entry.address(), flags);
  return entry.is_dirty() ? wanted.with_dirty() : wanted;
}

}  // namespace

void protect_pages(Mm& mm, UserAddr start, UserAddr end, uint32_t vm_flags) {
  bool changed = false;
  {
    SpinGuard guard(mm.page_table_lock);
    for (LeafWalk walk(mm.page_table, start, end); walk.next();) {
      if (walk.huge != nullptr) {
        const Pte wanted = with_rights(*walk.huge, vm_flags);
        *walk.huge = vm_flags & kVmAccess ? wanted : hide(wanted);
        changed = true;
        continue;
      }
      for (unsigned i = walk.first; i < walk.last; ++i) {
        Pte entry = walk.leaf.get(i);
        if (is_empty(entry)) continue;
        Pte wanted = with_rights(entry, vm_flags);
        walk.leaf.replace(i, vm_flags & kVmAccess ? wanted : hide(wanted));
        changed = true;
      }
    }
  }
  if (changed) flush_tlb_range(mm, start, end);
}

namespace {

// Whether all tables that [from, end) needs at its new place exist now.
bool make_target_tables(Mm& mm, UserAddr from, UserAddr end, UserAddr to)
    REQUIRES(mm.page_table_lock) {
  for (LeafWalk walk(mm.page_table, from, end); walk.next();) {
    const UserAddr target = to + (walk.at - from);
    if (walk.huge != nullptr) {
      if (!mm.page_table.make_huge_place(target)) return false;
      continue;
    }
    const uint64_t last = uint64_t{walk.last - walk.first - 1} << kPageShift;
    if (!mm.page_table.make(target) || !mm.page_table.make(target + last)) return false;
  }
  return true;
}

void move_entries(Mm& mm, const LeafWalk& walk, UserAddr target) REQUIRES(mm.page_table_lock) {
  LeafTable leaf = walk.leaf;
  for (unsigned i = walk.first; i < walk.last; ++i, target += kPageSize) {
    if (is_empty(leaf.get(i))) continue;
    mm.page_table.change(target).insert(LeafTable::index_of(target), leaf.remove(i));
  }
}

// The tables in [start, end) that are empty go: those of small pages, and those above them, which
// may have shown huge pages alone.
void drop_empty_tables(Mm& mm, UserAddr start, UserAddr end, UnmapBatch& batch)
    REQUIRES(mm.page_table_lock) {
  mm.page_table.detach_empty(start, end, batch.tables());
  constexpr uint64_t kSpan = span_of(2);
  for (UserAddr at = start; at < end; at = UserAddr((at.value & ~(kSpan - 1)) + kSpan)) {
    mm.page_table.detach_if_empty(at, batch.tables());
  }
}

}  // namespace

bool move_pages(Mm& mm, UserAddr from, UserAddr to, uint64_t length) {
  UnmapBatch batch(mm);
  UserAddr end = from + length;
  const bool fits_whole = (from.value ^ to.value) % kHugePageSize == 0;
  if (!own_pages(mm, from, end, fits_whole ? HugePages::keep : HugePages::split)) return false;
  SpinGuard guard(mm.page_table_lock);
  if (!make_target_tables(mm, from, end, to)) {
    drop_empty_tables(mm, to, to + length, batch);
    return false;
  }
  for (LeafWalk walk(mm.page_table, from, end); walk.next();) {
    const UserAddr target = to + (walk.at - from);
    if (walk.huge == nullptr) {
      move_entries(mm, walk, target);
    } else {
      mm.page_table.move_huge(walk.at, target);
    }
  }
  // Not before: what one page has left another one may need.
  drop_empty_tables(mm, from, end, batch);
  drop_empty_tables(mm, to, to + length, batch);
  batch.note_range(from, end);
  return true;
}

}  // namespace tine::mm
