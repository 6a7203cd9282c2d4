// SPDX-License-Identifier: MIT
//
// MappingIndex on a red-black tree. See mapping_index.h for what is guaranteed.
//
// The hint of find_gap() stays true because every gap that appears is reported (erase, note_gap):
// one above the hint moves the hint up to that gap's end. Mappings that are added only shrink gaps.
#include "mm/mapping_index.h"

#include <algorithm>

namespace tine::mm {

Vma* MappingIndex::first_ending_after(UserAddr address) const {
  struct EndsAtOrBefore {
    bool operator()(const Vma& vma, UserAddr at) const { return vma.end <= at; }
    bool operator()(UserAddr at, const Vma& vma) const { return at < vma.end; }
  };
  auto found = set_->tree.lower_bound(address, EndsAtOrBefore());
  return found == set_->tree.end() ? nullptr : const_cast<Vma*>(&*found);
}

Vma* MappingIndex::next(const Vma& vma) const {
  auto at = MappingSet::Tree::s_iterator_to(vma);
  return ++at == set_->tree.end() ? nullptr : const_cast<Vma*>(&*at);
}

Vma* MappingIndex::previous(const Vma& vma) const {
  auto at = MappingSet::Tree::s_iterator_to(vma);
  return at == set_->tree.begin() ? nullptr : const_cast<Vma*>(&*--at);
}

void MappingIndex::insert(Vma& vma) {
  set_->note_marks(vma.flags);
  set_->tree.insert(vma);
}

void MappingIndex::erase(Vma& vma) {
  auto after = set_->tree.erase(MappingSet::Tree::s_iterator_to(vma));
  if (vma.end > set_->search_below)
    note_gap(vma.start, after == set_->tree.end() ? vma.end : after->start);
}

void MappingIndex::note_gap(UserAddr start, UserAddr end) {
  if (set_->search_below.value == 0 || end <= set_->search_below) return;
  // The gap may reach further up than what became free just now.
  Vma* above = first_ending_after(start);
  set_->search_below = above != nullptr ? std::max(above->start, end) : set_->search_high;
  set_->search_below = std::min(set_->search_below, set_->search_high);
}

UserAddr MappingIndex::find_gap(UserAddr low, UserAddr high, uint64_t length, uint64_t guard) {
  if (length > high.value) return UserAddr(0);
  if (set_->search_high != high || length <= set_->largest_gap_above) {
    forget_hint();
    set_->search_high = high;
  }
  UserAddr gap_end = set_->search_below.value != 0 ? set_->search_below : high;
  // The mapping that begins below gap_end bounds the gap from below.
  auto at = set_->tree.lower_bound(
      gap_end, [](const Vma& vma, UserAddr limit) { return vma.start < limit; });
  // What lies above gap_end may want its guard inside this gap.
  auto limit_for = [&](MappingSet::Tree::const_iterator above, UserAddr end) {
    if (above == set_->tree.end() || !(above->flags & kVmGrowsDown)) return end;
    uint64_t lowest = above->start.value > guard ? above->start.value - guard : 0;
    return std::min(end, UserAddr(lowest));
  };
  for (;;) {
    UserAddr end = limit_for(at, gap_end);
    bool is_first = at == set_->tree.begin();
    if (!is_first) --at;
    UserAddr start = is_first ? low : std::max(low, at->end);
    if (end >= start && end - start >= length) {
      set_->search_below = gap_end;
      return end - length;
    }
    if (end > start) set_->largest_gap_above = std::max(set_->largest_gap_above, end - start);
    if (is_first || at->start <= low) return UserAddr(0);
    gap_end = at->start;
  }
}

}  // namespace tine::mm
