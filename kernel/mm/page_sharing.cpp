// SPDX-License-Identifier: MIT
//
// Counting who maps a page. See page_sharing.h.
//
// First the own entries are copied, with a lower bound of the sharers: the owners of the frame, and
// those who share a table on the way to it. Only where that says that there are others they are
// looked for, one page_table_lock at a time. What changes meanwhile is seen before or after.
#include "mm/page_sharing.h"

#include <algorithm>

#include "mm/memory_object.h"
#include "mm/task_hooks.h"
#include "mm/unmap.h"

namespace tine::mm {
namespace {

uint32_t owners_of(const Frame& frame) {
  uint32_t owners = frame.count.load(std::memory_order_relaxed);
  bool in_cache = frame.kind == FrameKind::cache && frame.object != nullptr;
  return std::max(1u, in_cache ? owners - 1 : owners);
}

// What lies in a window of a leaf table's size: a leaf table, a huge page, something of tables that
// are folded, or nothing.
struct Window {
  Window(Mm& mm, UserAddr at) REQUIRES(mm.page_table_lock)
      : table(mm.page_table), start(at.value & ~(kLeafBytes - 1)), leaf(table.find(at)) {
    const arch::Pte* entry = leaf ? nullptr : table.find_huge(at);
    if (entry != nullptr) huge = load_entry(*entry);
  }
  bool is_empty() const { return !leaf && mm::is_empty(huge) && !table.has_folded_near(start); }
  arch::Pte get(unsigned index) const {
    return leaf ? leaf.get(index) : table.effective_entry(start + index * kPageSize);
  }
  const PageTable& table;
  UserAddr start;
  LeafTable leaf;
  arch::Pte huge;  // empty: none
};

// True: somebody else may map some of it.
bool copy_entries(Mm& mm, UserAddr start, unsigned count, LeafSharing& out) {
  SpinGuard guard(mm.page_table_lock);
  const Window window(mm, start);
  out.huge_page = is_empty(window.huge) ? nullptr : huge_page_of(table_below(window.huge));
  if (window.is_empty()) {
    std::fill_n(out.entries, count, arch::Pte());
    std::fill_n(out.sharers, count, 0);
    return false;
  }
  const uint32_t users_of_tables = mm.page_table.other_users(start);
  bool has_others = false;
  for (unsigned i = 0; i < count; ++i) {
    arch::Pte entry = window.get(LeafTable::index_of(start) + i);
    out.entries[i] = entry;
    out.sharers[i] = 0;
    if (is_empty(entry) || !is_counted(out.frame(i))) continue;
    out.sharers[i] = owners_of(out.frame(i)) + users_of_tables;
    has_others |= out.sharers[i] > 1;
  }
  return has_others;
}

struct Search {
  const Mm& own;
  UserAddr start;
  unsigned count;
  LeafSharing& pages;
};

void look_at_same_place(void* context, Mm& other) {
  auto& search = *static_cast<Search*>(context);
  if (&other == &search.own) return;
  SpinGuard guard(other.page_table_lock);
  const Window window(other, search.start);
  if (window.is_empty()) return;
  const unsigned first = LeafTable::index_of(search.start);
  for (unsigned i = 0; i < search.count; ++i) {
    arch::Pte entry = window.get(first + i);
    if (!is_empty(entry) && entry.address() == search.pages.entries[i].address()) {
      ++search.pages.found[i];
    }
  }
}

}  // namespace

UserAddr next_mapped(Mm& mm, UserAddr at, UserAddr end) {
  if (at >= end) return end;
  SpinGuard guard(mm.page_table_lock);
  // What is folded is little, and not listed by address.
  return mm.page_table.is_folded() ? at : mm.page_table.next_populated(at, end);
}

void measure_sharing(Mm& mm, const Vma& vma, UserAddr start, UserAddr end, LeafSharing& out) {
  const auto count = static_cast<unsigned>((end - start) >> kPageShift);
  if (!copy_entries(mm, start, count, out)) return;
  bool has_anonymous = false;
  for (unsigned i = 0; i < count; ++i) {
    out.found[i] = 0;
    if (out.sharers[i] <= 1) continue;
    const Frame& frame = out.frame(i);
    if (frame.kind == FrameKind::cache && frame.object == vma.object.get()) {
      uint64_t page = vma.page_of(start + (uint64_t{i} << kPageShift));
      out.sharers[i] = std::max(1u, vma.object->count_mappers(page, out.entries[i].address()));
    } else {
      has_anonymous = true;
    }
  }
  if (!has_anonymous) return;
  Search search{mm, start, count, out};
  for_each_mm(look_at_same_place, &search);
  for (unsigned i = 0; i < count; ++i) {
    if (out.sharers[i] > 1) out.sharers[i] = std::max(out.sharers[i], out.found[i] + 1);
  }
}

}  // namespace tine::mm
