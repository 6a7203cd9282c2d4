// SPDX-License-Identifier: MIT
//
// Removing, protecting and moving page-table entries. See unmap.h.
//
// A frame whose entry is removed is put only after the flush (UnmapBatch), because another thread
// of the process may still reach it through this or another CPU's translation cache. At exit nobody
// can, and frames and tables are given back at once.
#include "mm/unmap.h"

#include <algorithm>
#include <bit>

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

void unmap_pages(Mm& mm, UserAddr start, UserAddr end) {
  UnmapBatch batch(mm);
  for (UserAddr at = start; at < end;) {
    mm.page_table_lock.lock();
    at = mm.page_table.next_populated(at, end);
    UserAddr stop = std::min(end, leaf_end(at));
    if (at < end) {
      LeafTable leaf = mm.page_table.change(at);
      RssDelta gone;
      UserAddr first = at;
      for (; at < stop && leaf.entries_in_use() != 0 && !batch.is_full(); at += kPageSize) {
        unsigned index = LeafTable::index_of(at);
        if (is_empty(leaf.get(index))) continue;
        Frame& frame = frame_at(leaf.remove(index).address());
        if (!is_counted(frame)) continue;
        gone.count(frame);
        batch.add(frame);
      }
      gone.subtract_from(mm);
      batch.note_range(first, at);
      if (leaf.entries_in_use() == 0) {
        mm.page_table.detach_if_empty(first, batch.tables());
        at = stop;
      }
    }
    mm.page_table_lock.unlock();
    if (batch.is_full()) batch.finish();
  }
}

void unmap_pages_unused(Mm& mm, UserAddr start, UserAddr end) {
  for (LeafWalk walk(mm.tables(), start, end); !walk.is_done();) {
    SpinGuard guard(mm.page_table_lock);
    if (!walk.next()) break;
    RssDelta gone;
    for (unsigned i = walk.first; i < walk.last && walk.leaf.entries_in_use() != 0; ++i) {
      Pte entry = walk.leaf.get(i);
      if (is_empty(entry)) continue;
      walk.leaf.remove_unused(i);
      Frame& frame = frame_at(entry.address());
      if (!is_counted(frame)) continue;
      gone.count(frame);
      put_frame(frame);
    }
    DetachedTables detached;
    if (walk.leaf.entries_in_use() == 0) mm.page_table.detach_if_empty(walk.at, detached);
    gone.subtract_from(mm);
  }
}

void protect_pages(Mm& mm, UserAddr start, UserAddr end, uint32_t vm_flags) {
  bool changed = false;
  {
    SpinGuard guard(mm.page_table_lock);
    for (LeafWalk walk(mm.page_table, start, end); walk.next();) {
      for (unsigned i = walk.first; i < walk.last; ++i) {
        Pte entry = walk.leaf.get(i);
        if (is_empty(entry)) continue;
        Pte wanted = Pte::page(entry.address(), entry_flags(vm_flags));
        if (entry.is_dirty()) wanted = wanted.with_dirty();
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
  UserAddr at = from;
  while ((at = mm.page_table.next_populated(at, end)) < end) {
    UserAddr stop = std::min(end, leaf_end(at));
    if (!mm.page_table.make(to + (at - from))) return false;
    if (!mm.page_table.make(to + (stop - from) - kPageSize)) return false;
    at = stop;
  }
  return true;
}

}  // namespace

bool move_pages(Mm& mm, UserAddr from, UserAddr to, uint64_t length) {
  UnmapBatch batch(mm);
  SpinGuard guard(mm.page_table_lock);
  UserAddr end = from + length;
  bool possible = make_target_tables(mm, from, end, to);
  if (possible) {
    for (LeafWalk walk(mm.page_table, from, end); walk.next();) {
      for (unsigned i = walk.first; i < walk.last; ++i) {
        if (is_empty(walk.leaf.get(i))) continue;
        UserAddr target = to + (walk.at - from) + (uint64_t{i - walk.first} << kPageShift);
        mm.page_table.change(target).insert(LeafTable::index_of(target), walk.leaf.remove(i));
      }
    }
    mm.page_table.detach_empty(from, end, batch.tables());
    batch.note_range(from, end);
  }
  mm.page_table.detach_empty(to, to + length, batch.tables());
  return possible;
}

}  // namespace tine::mm
