// SPDX-License-Identifier: MIT
//
// Page tables as a persistent tree: sharing all tables at a fork, copying those on the path to a
// change, and dropping what is shared. docs/constant-time-fork.md argues why this is right.
//
// The rules. A table's count is the number of entries that lead to it. While it is above one, every
// entry that leads there forbids writing, so no processor can write through it, and nobody changes
// it, but for copy_table() below taking the right to write from its entries, which whoever comes to
// own it must find taken. Who reads a count of one under his page_table_lock is the only owner: the
// count can only rise through his own entry, and those who dropped theirs had finished with it.
// A frame that a shared table maps is counted once for the table.
//
// A table is put only after the translations that went through it are flushed on all CPUs, because
// its next owner may change it. Only own() and unlink_whole() need memory.
#include <algorithm>

#include "core/panic.h"
#include "mm/huge_page.h"
#include "mm/huge_pool.h"
#include "mm/page_table.h"
#include "mm/tlb.h"
#include "mm/unmap.h"

namespace tine::mm {

using arch::Pte;

namespace {

constexpr unsigned kTopLevel = arch::kTableLevels - 1;

// Several owners may do this at once, and hardware may set bits of its own.
void forbid_write(Pte& entry) {
  static_assert(sizeof(Pte) == sizeof(uint64_t));
  __atomic_fetch_and(reinterpret_cast<uint64_t*>(&entry), ~uint64_t{arch::kWritable},
                     __ATOMIC_RELAXED);
}

template <bool kIsLeaf>
void copy_entries(Frame& table, Frame& copy) {
  Frame* const frames = frame_table;  // which the entries that are written might be, for a compiler
  Pte* const copied = frame_data<Pte>(copy);
  for_each_entry(table, [=](unsigned index, Pte& entry, Pte seen) {
    Frame& below = kIsLeaf ? frames[seen.address().value >> kPageShift] : table_below(seen);
    if (!kIsLeaf || is_counted(below)) get_frame(below);
    // Writable memory that is shared on purpose (MAP_SHARED) is never anonymous.
    if (seen.is_writable() && (!kIsLeaf || below.kind == FrameKind::anonymous)) {
      forbid_write(entry);
      seen = seen.without_write();
    }
    copied[index] = seen;
  });
}

// Fills `copy`, which is empty, with the entries of `table`, for the one and for the other to share
// what they lead to.
void copy_table(Frame& table, Frame& copy, unsigned level) {
  if (level == 0) {
    copy_entries<true>(table, copy);
  } else {
    copy_entries<false>(table, copy);
  }
  copy.private_value = table.private_value;
  copy.table_groups = table.table_groups;
}

// Gives up what a lowest-level table maps.
void put_pages(Frame& table) {
  Frame* const frames = frame_table;  // which the entries that are cleared might be, for a compiler
  for_each_entry(table, [frames](unsigned, Pte& entry, Pte seen) {
    Frame& page = frames[seen.address().value >> kPageShift];
    entry = Pte();
    if (is_counted(page)) put_frame(page);
  });
}

}  // namespace

uint64_t count_below(const Frame& table, unsigned level, RssDelta& pages) {
  uint64_t tables = 1;
  if (const Frame* huge = huge_page_of(table)) {
    pages.count_huge(*huge);
    return tables;
  }
  for_each_entry(table, [&](unsigned, Pte&, Pte entry) {
    if (level > 0) {
      tables += count_below(table_below(entry), level - 1, pages);
    } else if (const Frame& page = frame_at(entry.address()); is_counted(page)) {
      pages.count(page);
    }
  });
  return tables;
}

void put_table(Frame& table, unsigned level) {
  if (table.count.load(std::memory_order_acquire) != 1) {
    if (table.count.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    table.count.store(1, std::memory_order_relaxed);  // free_table() takes the last one
  }
  if (table.huge_page != 0) [[unlikely]] {
    if (is_pool_page(table)) return return_pool_page(table);
    free_huge_page(table);
  }
  if (level == 0) {
    put_pages(table);
  } else {
    for_each_entry(table, [level](unsigned, Pte& entry, Pte seen) {
      Frame& below = table_below(seen);
      entry = Pte();
      put_table(below, level - 1);
    });
  }
  table.private_value = 0;
  free_table(table);
}

bool PageTable::own(UserAddr address, unsigned down_to) {
  Frame* replaced[kTopLevel];
  unsigned first_level = 0;  // of the tables in `replaced`, which lie on one path
  unsigned count = 0;
  bool complete = true;
  Frame* table = top_;
  for (unsigned level = kTopLevel; level > down_to; --level) {
    Pte& entry = slot(*table, level, address);
    if (entry.raw() == 0) break;
    if (entry.is_huge()) {
      if (is_pool_page(table_below(entry))) break;
      split_huge(entry, address);
    }
    Frame& lower = frame_at(entry.address());
    if (entry.is_writable()) {
      table = &lower;
      continue;
    }
    if (lower.count.load(std::memory_order_acquire) == 1) {  // the others are gone
      entry = entry.with_write();
      table = &lower;
      continue;
    }
    table = take_table();
    if (table == nullptr) {
      complete = false;
      break;
    }
    copy_table(lower, *table, level - 1);
    entry = Pte::table(frame_address(*table));
    if (count == 0) first_level = level - 1;
    replaced[count++] = &lower;
  }
  if (count == 0) return complete;
  flush_tlb_tables(*mm_, address, address + kPageSize);  // and with it all cached upper entries
  // Below a table that was copied every table is shared, so `replaced` has no holes.
  for (unsigned i = 0; i < count; ++i) put_table(*replaced[i], first_level - i);
  return complete;
}

bool PageTable::own_cut(UserAddr at) {
  unsigned level = 0;
  while (level < kTopLevel && at.value % span_of(level + 1) == 0) ++level;
  return own(at, level);
}

uint32_t PageTable::other_users(UserAddr address) const {
  uint32_t others = 0;
  auto [entry, level] = start_of(address);
  for (; entry != nullptr && level > 0; --level) {
    const Pte seen = load_entry(*entry);
    if (seen.raw() == 0) break;
    Frame& table = table_below(seen);
    others += table.count.load(std::memory_order_relaxed) - 1;
    if (seen.is_huge()) break;
    entry = &slot(table, level - 1, address);
  }
  return others;
}

bool PageTable::share_with(PageTable& child) {
  bool protected_any = false;
  for_each_entry(*top_, [&](unsigned index, Pte& entry, Pte seen) {
    protected_any |= seen.is_writable();
    entry = seen.without_write();
    get_frame(frame_at(seen.address()));
    entry_of(*child.top_, index) = seen.without_write();
  });
  child.top_->private_value = top_->private_value;
  child.top_->table_groups = top_->table_groups;
  child.tables_ = tables_;
  return protected_any;
}

Result<PageTable::Unlinked> PageTable::unlink_whole(UserAddr at, UserAddr end) {
  Frame* table = top_;
  for (unsigned level = kTopLevel; level > 0; --level) {
    Pte& entry = slot(*table, level, at);
    if (entry.raw() == 0) return Unlinked{};
    if (!entry.is_writable() || entry.is_huge()) {
      uint64_t span = span_of(level);
      if (at.value % span == 0 && end - at >= span) {
        Frame& below = table_below(entry);
        entry = Pte();
        --table->private_value;
        return Unlinked{&below, level - 1, at + span};
      }
      if (!own(at, level - 1)) return Errno::nomem;
    }
    table = &frame_at(entry.address());
  }
  return Unlinked{};
}

Frame* PageTable::unlink_next() {
  uint64_t groups = top_->table_groups;
  if (groups == 0) {
    tables_ = 0;
    return nullptr;
  }
  unsigned first = static_cast<unsigned>(__builtin_ctzll(groups)) * 8;
  for (unsigned index = first; index < first + 8; ++index) {
    Pte& entry = entry_of(*top_, index);
    if (entry.raw() == 0) continue;
    Frame& table = frame_at(entry.address());
    entry = Pte();
    --top_->private_value;
    return &table;
  }
  top_->table_groups = groups & (groups - 1);
  return unlink_next();
}

}  // namespace tine::mm
