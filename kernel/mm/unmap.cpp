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

bool is_private_copy(Pte entry) { return frame_at(entry.address()).kind == FrameKind::anonymous; }

// Frees pages of the leaf table at `start`, no further than `end` and as far as the batch takes
// them; returns where it stopped. Null: there is no memory to make the table the Mm's own.
template <bool keeps_copies = false>
std::optional<UserAddr> unmap_leaf(Mm& mm, UserAddr start, UserAddr end, UnmapBatch& batch)
    REQUIRES(mm.page_table_lock) {
  LeafTable leaf = mm.page_table.change(start);
  if (!leaf) return {};
  const UserAddr stop = std::min(end, leaf_end(start));
  RssDelta gone;
  UserAddr at = start;
  while (at < stop && leaf.entries_in_use() != 0 && !batch.is_full()) {
    const unsigned index = LeafTable::index_of(at);
    if (is_empty(leaf.get(index))) {
      at = leaf.skip_unused(at + kPageSize, stop);
      continue;
    }
    if constexpr (keeps_copies) {
      if (is_private_copy(leaf.get(index))) {
        at += kPageSize;
        continue;
      }
    }
    Frame& frame = frame_at(leaf.remove(index).address());
    batch.note_range(at, at + kPageSize);
    at += kPageSize;
    if (!is_counted(frame)) continue;
    gone.count(frame);
    batch.add(frame);
  }
  gone.subtract_from(mm);
  if (leaf.entries_in_use() != 0) return at;
  batch.note_range(start, start + kPageSize);  // any page's flush: the table may be cached
  mm.page_table.detach_if_empty(start, batch.tables());
  return stop;
}

// Unlinks the largest table at `start` that is shared or of a huge page, and within the range, and
// drops it.
Result<UserAddr> unmap_whole(Mm& mm, UserAddr start, UserAddr end) {
  UnmapBatch batch(mm);
  PageTable::Unlinked unlinked;
  {
    SpinGuard guard(mm.page_table_lock);
    unlinked = TRY(mm.page_table.unlink_whole(start, end));
    if (unlinked.table == nullptr) return start;
    mm.page_table.detach_if_empty(start, batch.tables());
  }
  drop_unlinked(mm, start, unlinked, batch);
  return unlinked.end;
}

}  // namespace

void drop_unlinked(Mm& mm, UserAddr start, const PageTable::Unlinked& unlinked, UnmapBatch& batch) {
  batch.note_range(start, unlinked.end);
  batch.note_dropped_table();
  batch.finish();
  RssDelta gone;
  const uint64_t tables = count_below(*unlinked.table, unlinked.level, gone);
  {
    SpinGuard guard(mm.page_table_lock);
    gone.subtract_from(mm);
    mm.page_table.forget_tables(tables);
  }
  put_table(*unlinked.table, unlinked.level);
}

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

// Tables that show nothing but copies stay shared.
Result<void> unmap_object_pages(Mm& mm, UserAddr start, UserAddr end) {
  UnmapBatch batch(mm);
  for (UserAddr at = start; at < end;) {
    {
      SpinGuard guard(mm.page_table_lock);
      TRY(unfold(mm));
      LeafWalk walk(mm.page_table, at, end);
      if (!walk.next()) return {};
      at = walk.at;
      bool shows_object = false;
      for (unsigned i = walk.first; walk.leaf && i < walk.last; ++i) {
        const Pte entry = walk.leaf.get(i);
        shows_object |= !is_empty(entry) && !is_private_copy(entry);
      }
      std::optional<UserAddr> reached = std::min(end, leaf_end(at));
      if (shows_object) reached = unmap_leaf<true>(mm, at, end, batch);
      if (!reached) return Errno::nomem;
      at = *reached;
    }
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
    guard.let_others();
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
    for (LeafWalk walk(mm.page_table, start, end); walk.next(); guard.let_others()) {
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

// A window of 2 MiB that moves as it is: a leaf table whose entries keep their places, or a huge
// page.
bool moves_whole(const LeafWalk& walk, UserAddr target) {
  if (walk.huge != nullptr) return true;
  return walk.last - walk.first == arch::kTableEntries && target.value % kLeafBytes == 0;
}

// Whether all tables that [from, end) needs at its new place exist now.
bool make_target_tables(Mm& mm, UserAddr from, UserAddr end, UserAddr to, SpinGuard& guard)
    REQUIRES(mm.page_table_lock) {
  for (LeafWalk walk(mm.page_table, from, end); walk.next(); guard.let_others()) {
    const UserAddr target = to + (walk.at - from);
    if (moves_whole(walk, target)) {
      if (!mm.page_table.make_window_place(target)) return false;
      continue;
    }
    const uint64_t last = uint64_t{walk.last - walk.first - 1} << kPageShift;
    if (!mm.page_table.make(target)) return false;
    if (last != 0 && !mm.page_table.make(target + last)) return false;
  }
  return true;
}

void move_entries(Mm& mm, const LeafWalk& walk, UserAddr target) REQUIRES(mm.page_table_lock) {
  LeafTable leaf = walk.leaf, target_leaf;
  for (unsigned i = walk.first; i < walk.last; ++i, target += kPageSize) {
    const unsigned place = LeafTable::index_of(target);
    if (i == walk.first || place == 0) target_leaf = mm.page_table.change(target);
    if (!is_empty(leaf.get(i))) target_leaf.insert(place, leaf.remove(i));
  }
}

// The leaf tables in [start, end) that are empty go, with those above that become so.
void drop_empty_leaves(Mm& mm, UserAddr start, UserAddr end, UnmapBatch& batch, SpinGuard& guard)
    REQUIRES(mm.page_table_lock) {
  for (UserAddr at = start; (at = mm.page_table.next_populated(at, end)) < end; at = leaf_end(at)) {
    mm.page_table.detach_if_empty(at, batch.tables());
    guard.let_others();
  }
}

// The same for those above, which windows have left, or never come to.
void drop_empty_uppers(Mm& mm, UserAddr start, UserAddr end, UnmapBatch& batch)
    REQUIRES(mm.page_table_lock) {
  constexpr uint64_t kSpan = span_of(2);
  for (UserAddr at = start; at < end; at = UserAddr((at.value & ~(kSpan - 1)) + kSpan)) {
    mm.page_table.detach_if_empty(at, batch.tables());
  }
}

}  // namespace

// Nobody else changes the tables meanwhile, though the lock is let go: a truncation, which comes
// without the mmap_lock, visits the members of a family under the family's. Before that is free the
// translations are flushed.
bool move_pages(Mm& mm, UserAddr from, UserAddr to, uint64_t length) {
  UserAddr end = from + length;
  const bool fits_whole = (from.value ^ to.value) % kHugePageSize == 0;
  if (!own_pages(mm, from, end, fits_whole ? HugePages::keep : HugePages::split)) return false;
  MutexGuard members(mm.family_place.family->lock);
  UnmapBatch batch(mm);
  SpinGuard guard(mm.page_table_lock);
  const bool can_move = make_target_tables(mm, from, end, to, guard);
  // The link to a table that goes again may have been walked.
  batch.note_range(can_move ? from : to, can_move ? end : to + length);
  if (can_move) {
    for (LeafWalk walk(mm.page_table, from, end); walk.next(); guard.let_others()) {
      const UserAddr target = to + (walk.at - from);
      if (moves_whole(walk, target)) {
        mm.page_table.move_window(walk.at, target);
      } else {
        move_entries(mm, walk, target);
      }
    }
    // Not before: what one page has left another one may need.
    drop_empty_leaves(mm, from, end, batch, guard);
    if (fits_whole) drop_empty_uppers(mm, from, end, batch);
  }
  drop_empty_leaves(mm, to, to + length, batch, guard);
  if (!can_move) drop_empty_uppers(mm, to, to + length, batch);
  return can_move;
}

}  // namespace tine::mm
