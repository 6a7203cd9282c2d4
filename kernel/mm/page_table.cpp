// SPDX-License-Identifier: MIT
//
// Walking, growing and shrinking page tables. See page_table.h.
//
// A table that is not shared belongs to the PageTable from make() until it is detached. make()
// fails, and leaves the tables as they were but for empty ones, when there is no memory.
#include "mm/page_table.h"

#include <algorithm>

#include "core/panic.h"

namespace tine::mm {

using arch::Pte;

Result<void> PageTable::init(Mm& mm) {
  mm_ = &mm;
  top_ = take_top_table();
  if (top_ == nullptr) return Errno::nomem;
  return {};
}

PageTable::~PageTable() {
  if (top_ == nullptr) return;
  TINE_ASSERT(tables_ == 0);
  if (top_ != zero_frame) free_top_table(*top_);
}

LeafTable PageTable::find(UserAddr address) const {
  Pte entry = load(*top_, 3, address);
  if (!entry.is_present()) return {};
  entry = load(frame_at(entry.address()), 2, address);
  if (!entry.is_present()) return {};
  entry = load(frame_at(entry.address()), 1, address);
  if (!entry.is_present() || entry.is_huge()) return {};
  return LeafTable(arch::direct_map<Pte>(entry.address()));
}

LeafTable PageTable::change(UserAddr address) {
  Pte entry = load(*top_, 3, address);
  if (!entry.is_writable()) [[unlikely]]
    return entry.is_present() ? change_shared(address) : LeafTable();
  entry = load(frame_at(entry.address()), 2, address);
  if (!entry.is_writable()) [[unlikely]]
    return entry.is_present() ? change_shared(address) : LeafTable();
  entry = load(frame_at(entry.address()), 1, address);
  if (!entry.is_writable() || entry.is_huge()) [[unlikely]]
    return entry.raw() != 0 ? change_shared(address) : LeafTable();
  return LeafTable(arch::direct_map<Pte>(entry.address()));
}

[[gnu::noinline]] LeafTable PageTable::change_shared(UserAddr address) {
  return own(address) ? find(address) : LeafTable();
}

Pte PageTable::effective_entry(UserAddr address) const {
  auto [start, level] = start_of(address);
  if (start == nullptr) return Pte();
  Pte entry = load_entry(*start);
  bool is_ours = true;
  for (; level > 0; --level) {
    if (entry.raw() == 0) return Pte();
    if (entry.is_huge()) {
      entry = entry.small_page(index_at(0, address));
      break;
    }
    is_ours = is_ours && entry.is_writable();
    entry = load(frame_at(entry.address()), level - 1, address);
  }
  return is_ours ? entry : entry.without_write();
}

bool PageTable::needs_own(UserAddr address) const {
  Frame* table = top_;
  for (unsigned level = arch::kTableLevels - 1; level > 0; --level) {
    Pte entry = load(*table, level, address);
    if (!entry.is_writable() || entry.is_huge()) return entry.raw() != 0;
    table = &frame_at(entry.address());
  }
  return false;
}

[[gnu::noinline]] Frame* PageTable::make_path(UserAddr address, unsigned down_to) {
  if (!unfold()) return nullptr;
  Frame* table = top_;
  for (unsigned level = arch::kTableLevels - 1; level > down_to; --level) {
    Pte& entry = slot(*table, level, address);
    if (entry.is_writable() && !entry.is_huge()) [[likely]] {
      table = &frame_at(entry.address());
      continue;
    }
    if (entry.raw() != 0) {
      if (!own(address, down_to)) return nullptr;
      table = &frame_at(entry.address());
      continue;
    }
    Frame* lower = take_table();
    if (lower == nullptr) [[unlikely]] {
      DetachedTables unused;
      detach_if_empty(address, unused);
      arch::flush_tlb_page(address.value);  // the link may have been walked speculatively
      return nullptr;
    }
    entry = Pte::table(frame_address(*lower));
    note_entry(*table, index_at(level, address));
    ++tables_;
    table = lower;
  }
  return table;
}

void PageTable::detach_if_empty(UserAddr address, DetachedTables& detached) {
  Frame* path[arch::kTableLevels];
  unsigned level = arch::kTableLevels - 1;
  path[level] = top_;
  for (; level > 0; --level) {
    Pte entry = load(*path[level], level, address);
    // Nothing is below, or a shared table or a huge page, which are never empty.
    if (!entry.is_writable() || entry.is_huge()) break;
    path[level - 1] = &frame_at(entry.address());
  }
  for (; level < arch::kTableLevels - 1 && path[level]->private_value == 0; ++level) {
    slot(*path[level + 1], level + 1, address) = Pte();
    --path[level + 1]->private_value;
    --tables_;
    detached.add(*path[level]);
  }
}

UserAddr PageTable::next_populated(UserAddr at, UserAddr end) const {
  while (at < end) {
    Frame* table = top_;
    unsigned level = arch::kTableLevels - 1;
    for (; level > 0; --level) {
      Pte entry = load(*table, level, at);
      if (entry.raw() == 0) break;
      table = &frame_at(entry.address());
    }
    if (level == 0) return at;
    // Nothing below this entry: go on with the next one of the same table, and its siblings.
    uint64_t span = uint64_t{1} << (kPageShift + 9 * level);
    do {
      at = UserAddr((at.value & ~(span - 1)) + span);
    } while (at < end && (at.value & (span * arch::kTableEntries - 1)) != 0 &&
             load(*table, level, at).raw() == 0);
  }
  return std::min(at, end);
}

}  // namespace tine::mm
