// SPDX-License-Identifier: MIT
//
// MappingIndex: the mappings of an address space, ordered by address: finding, inserting and
// erasing cost O(log n), and so does the usual search for a gap.
//
// The search goes from high addresses to low ones, as Linux's does, and remembers where it stopped:
// above `search_below_` no gap is larger than `largest_gap_above_`, so ten thousand mmap calls do
// not walk ten thousand mappings each.
// Nothing here allocates, fails or locks: the Mm's mmap_lock guards the index.
#pragma once

#include "core/list.h"
#include "mm/vma.h"

namespace tine::mm {

class MappingIndex {
  struct ByStart {
    bool operator()(const Vma& a, const Vma& b) const { return a.start < b.start; }
  };
  using Tree = bi::set<Vma, bi::member_hook<Vma, TreeNode, &Vma::node>, bi::compare<ByStart>,
                       bi::constant_time_size<false>>;

 public:
  using Iterator = Tree::iterator;

  // The mapping that contains `address`, or null.
  Vma* find(UserAddr address) const {
    Vma* vma = first_ending_after(address);
    return vma != nullptr && vma->start <= address ? vma : nullptr;
  }
  // The first mapping that ends after `address`: it contains it, or lies above. Null: none.
  Vma* first_ending_after(UserAddr address) const;
  Vma* next(const Vma& vma) const;
  Vma* previous(const Vma& vma) const;
  Vma* first() const { return tree_.empty() ? nullptr : const_cast<Vma*>(&*tree_.begin()); }
  Vma* last() const { return tree_.empty() ? nullptr : const_cast<Vma*>(&*tree_.rbegin()); }
  bool is_empty() const { return tree_.empty(); }

  void insert(Vma& vma);                                // overlaps nothing
  void insert_last(Vma& vma) { tree_.push_back(vma); }  // above all others
  void erase(Vma& vma);
  // A mapping's bounds may be changed in place while the order stays; shrinking is to be told.
  void note_gap(UserAddr start, UserAddr end);
  // Empties the index and calls dispose(Vma*) for each mapping, without keeping the tree balanced.
  template <class Dispose>
  void clear(Dispose dispose) {
    tree_.clear_and_dispose(dispose);
    forget_hint();
  }

  // The start of the highest gap of `length` bytes in [low, high), or 0. Growing-down mappings keep
  // `guard` bytes below them free.
  UserAddr find_gap(UserAddr low, UserAddr high, uint64_t length, uint64_t guard);

 private:
  void forget_hint() {
    search_below_ = UserAddr(0);
    largest_gap_above_ = 0;
  }
  Tree tree_;
  UserAddr search_high_;   // the `high` that the hint is about
  UserAddr search_below_;  // 0: no hint
  uint64_t largest_gap_above_ = 0;
};

}  // namespace tine::mm
