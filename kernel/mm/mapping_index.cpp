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
  auto found = tree_.lower_bound(address, EndsAtOrBefore());
  return found == tree_.end() ? nullptr : const_cast<Vma*>(&*found);
}

Vma* MappingIndex::next(const Vma& vma) const {
  auto at = Tree::s_iterator_to(vma);
  return ++at == tree_.end() ? nullptr : const_cast<Vma*>(&*at);
}

Vma* MappingIndex::previous(const Vma& vma) const {
  auto at = Tree::s_iterator_to(vma);
  return at == tree_.begin() ? nullptr : const_cast<Vma*>(&*--at);
}

void MappingIndex::insert(Vma& vma) { tree_.insert(vma); }

void MappingIndex::erase(Vma& vma) {
  auto after = tree_.erase(Tree::s_iterator_to(vma));
  if (vma.end > search_below_) note_gap(vma.start, after == tree_.end() ? vma.end : after->start);
}

void MappingIndex::note_gap(UserAddr start, UserAddr end) {
  if (search_below_.value == 0 || end <= search_below_) return;
  // The gap may reach further up than what became free just now.
  Vma* above = first_ending_after(start);
  search_below_ = above != nullptr ? std::max(above->start, end) : search_high_;
  search_below_ = std::min(search_below_, search_high_);
}

UserAddr MappingIndex::find_gap(UserAddr low, UserAddr high, uint64_t length, uint64_t guard) {
  if (length > high.value) return UserAddr(0);
  if (search_high_ != high || length <= largest_gap_above_) {
    forget_hint();
    search_high_ = high;
  }
  UserAddr gap_end = search_below_.value != 0 ? search_below_ : high;
  // The mapping that begins below gap_end bounds the gap from below.
  auto at =
      tree_.lower_bound(gap_end, [](const Vma& vma, UserAddr limit) { return vma.start < limit; });
  // What lies above gap_end may want its guard inside this gap.
  auto limit_for = [&](Tree::const_iterator above, UserAddr end) {
    if (above == tree_.end() || !(above->flags & kVmGrowsDown)) return end;
    uint64_t lowest = above->start.value > guard ? above->start.value - guard : 0;
    return std::min(end, UserAddr(lowest));
  };
  for (;;) {
    UserAddr end = limit_for(at, gap_end);
    bool is_first = at == tree_.begin();
    if (!is_first) --at;
    UserAddr start = is_first ? low : std::max(low, at->end);
    if (end >= start && end - start >= length) {
      search_below_ = gap_end;
      return end - length;
    }
    if (end > start) largest_gap_above_ = std::max(largest_gap_above_, end - start);
    if (is_first || at->start <= low) return UserAddr(0);
    gap_end = at->start;
  }
}

}  // namespace tine::mm
