// SPDX-License-Identifier: MIT
//
// Looking into the index of mappings: by address, by mark, and for a gap. See mapping_index.h; what
// changes the index is in mm/mapping_change.cpp.
//
// All of it runs with the Mm's mmap_lock held at least shared, but for next_view(), which takes the
// index's own lock. Nothing fails or allocates.
#include "mm/mapping_index.h"

#include <algorithm>

namespace tine::mm {

const Vma* MappingIndex::first_ending_after(UserAddr address) const {
  if (is_empty()) return nullptr;
  const MappingEntry* above = nullptr;  // the lowest entry seen beside the way
  const MappingEntry* entry = root_;
  while (entry->level != 0) {
    const auto& node = static_cast<const MappingNode&>(*entry);
    unsigned at = node.index_of(address);
    if (at + 1 < node.used) above = node.entries[at + 1];
    entry = node.entries[at];
  }
  if (entry->end > address) return &mapping(*entry);
  if (above == nullptr) return nullptr;
  while (above->level != 0) above = static_cast<const MappingNode&>(*above).entries[0];
  return &mapping(*above);
}

const Vma* MappingIndex::previous(const Vma& vma) const {
  const MappingEntry* entry = root_;
  while (entry->level != 0) {
    const auto& node = static_cast<const MappingNode&>(*entry);
    entry = node.entries[node.index_of(vma.start - 1)];
  }
  return entry->start < vma.start ? &mapping(*entry) : nullptr;
}

const Vma* MappingIndex::last() const {
  if (is_empty()) return nullptr;
  const MappingEntry* entry = root_;
  while (entry->level != 0) {
    const auto& node = static_cast<const MappingNode&>(*entry);
    entry = node.entries[node.used - 1];
  }
  return &mapping(*entry);
}

namespace {

const MappingEntry* next_marked_below(const MappingNode& node, UserAddr address) {
  for (unsigned i = node.index_of(address); i < node.used; ++i) {
    const MappingEntry& entry = *node.entries[i];
    if (!(entry.flags & kForkMarks) || entry.end <= address) continue;
    if (entry.level == 0) return &entry;
    if (auto* found = next_marked_below(node.child(i), address)) return found;
  }
  return nullptr;
}

struct GapSearch {
  const MappingIndex& index;
  UserAddr low, high;
  uint64_t length, guard;

  // The highest place in the hole [start, end), or 0.
  UserAddr place_in(UserAddr start, UserAddr end) const {
    start = std::max(start, low);
    UserAddr limit = std::min(end, high);
    if (limit < start || limit - start < length) return UserAddr(0);
    const Vma* above = index.first_ending_after(end);
    if (above != nullptr && (above->flags & kVmGrowsDown)) {
      limit = std::min(limit, UserAddr(end.value > guard ? end.value - guard : 0));
      if (limit < start || limit - start < length) return UserAddr(0);
    }
    return limit - length;
  }

  // The same for the holes between the mappings below `node`, from above.
  UserAddr place_below(const MappingNode& node) const {
    return node.level > 1 ? place_in_node<true>(node) : place_in_node<false>(node);
  }

  template <bool has_nodes>
  UserAddr place_in_node(const MappingNode& node) const {
    MappingEntry* const* entry = &node.entries[node.index_of(high)];
    const UserAddr* start = &node.starts[entry - node.entries];
    UserAddr above = entry + 1 < node.entries + node.used ? start[1] : (*entry)->end;
    for (const uint64_t wanted = length;; --entry, --start) {
      const UserAddr end = (*entry)->end;
      if (above - end >= wanted) [[unlikely]] {
        if (UserAddr found = place_in(end, above); found.value != 0) return found;
      }
      if (has_nodes && static_cast<const MappingNode&>(**entry).gap >= wanted) [[unlikely]] {
        UserAddr found = place_below(static_cast<const MappingNode&>(**entry));
        if (found.value != 0) return found;
      }
      above = *start;
      if (above <= low || start == node.starts) return UserAddr(0);
    }
  }
};

}  // namespace

const Vma* MappingIndex::find_marked(UserAddr address) const {
  return static_cast<const Vma*>(next_marked_below(*root_, address));
}

UserAddr MappingIndex::find_gap(UserAddr low, UserAddr high, uint64_t length,
                                uint64_t guard) const {
  if (length > high.value) return UserAddr(0);
  GapSearch search{*this, low, high, length, guard};
  if (is_empty()) return search.place_in(low, high);
  UserAddr found = search.place_in(last()->end, UserAddr(~uint64_t{0}));
  if (found.value == 0) found = search.place_below(*root_);
  if (found.value == 0) found = search.place_in(UserAddr(0), root_->starts[0]);
  return found;
}

bool MappingIndex::has(const Vma& vma) const {
  SpinGuard guard(lock_);
  return find(vma.start) == &vma;
}

bool MappingIndex::next_view(const Vma& like, UserAddr start, UserAddr end, View& out) const {
  SpinGuard guard(lock_);
  for (const Vma* vma = first_ending_after(start); vma != nullptr && vma->start < end;
       vma = next(*vma)) {
    if (!vma->shows_same(like)) continue;
    out = {std::max(start, vma->start), std::min(end, vma->end)};
    return true;
  }
  return false;
}

}  // namespace tine::mm
