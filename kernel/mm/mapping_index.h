// SPDX-License-Identifier: MIT
//
// MappingIndex: the mappings of an address space, ordered by address: finding, inserting and
// erasing cost O(log n), and so does the usual search for a gap.
//
// The search goes from high addresses to low ones, as Linux's does, and remembers where it stopped:
// above `search_below_` no gap is larger than `largest_gap_above_`, so ten thousand mmap calls do
// not walk ten thousand mappings each.
//
// The index is a handle: after a fork, parent and child use one MappingSet, until either is about
// to change a mapping and takes a copy of all of them (mm/mapping_sharing.cpp). Who changes the
// index, or a mapping found in it, has called own_mappings() since he took the mmap_lock. Nothing
// else here allocates, fails or locks: the Mm's mmap_lock guards the index.
#pragma once

#include <atomic>

#include "core/list.h"
#include "mm/heap.h"
#include "mm/vma.h"
#include "sync/mutex.h"

namespace tine::mm {

struct Mm;
struct MappingSet;

// An Mm's place among those who use a MappingSet; linked under its sharers_lock.
struct Sharer {
  Mm* mm = nullptr;
  MappingSet* set = nullptr;  // null: not in use
  Sharer* next = nullptr;
  Sharer* previous = nullptr;
};

// The mappings of one address space, or of several that do not differ in them.
struct MappingSet : HeapAllocated {
  static constexpr const char* kCacheName = "mapping_set";
  struct ByStart {
    bool operator()(const Vma& a, const Vma& b) const { return a.start < b.start; }
  };
  using Tree = bi::set<Vma, bi::member_hook<Vma, TreeNode, &Vma::node>, bi::compare<ByStart>,
                       bi::constant_time_size<false>>;
  Tree tree;
  UserAddr search_high;   // the `high` that the hint is about
  UserAddr search_below;  // 0: no hint
  uint64_t largest_gap_above = 0;
  bool has_fork_marks = false;  // some mapping is, or was, not to be the same in a fork's child

  // Who uses it. An Mm joins and leaves with its mmap_lock held exclusively; a truncation that has
  // found a mapping of the set holds the lock while it visits them all.
  Mutex sharers_lock{LockRank::mapping_set};
  Sharer* first_sharer GUARDED_BY(sharers_lock) = nullptr;
  std::atomic<uint32_t> sharer_count{0};

  void note_marks(uint32_t vm_flags) {
    has_fork_marks |= (vm_flags & (kVmLocked | kVmDontFork | kVmWipeOnFork)) != 0;
  }
};

class MappingIndex {
 public:
  MappingSet* set() const { return set_; }
  void use(MappingSet* set) { set_ = set; }

  // The mapping that contains `address`, or null.
  Vma* find(UserAddr address) const {
    Vma* vma = first_ending_after(address);
    return vma != nullptr && vma->start <= address ? vma : nullptr;
  }
  // The first mapping that ends after `address`: it contains it, or lies above. Null: none.
  Vma* first_ending_after(UserAddr address) const;
  Vma* next(const Vma& vma) const;
  Vma* previous(const Vma& vma) const;
  Vma* first() const {
    return set_->tree.empty() ? nullptr : const_cast<Vma*>(&*set_->tree.begin());
  }
  Vma* last() const {
    return set_->tree.empty() ? nullptr : const_cast<Vma*>(&*set_->tree.rbegin());
  }
  bool is_empty() const { return set_->tree.empty(); }

  void insert(Vma& vma);  // overlaps nothing
  void erase(Vma& vma);
  // A mapping's bounds may be changed in place while the order stays; shrinking is to be told.
  void note_gap(UserAddr start, UserAddr end);
  // The start of the highest gap of `length` bytes in [low, high), or 0. Growing-down mappings keep
  // `guard` bytes below them free.
  UserAddr find_gap(UserAddr low, UserAddr high, uint64_t length, uint64_t guard);

 private:
  void forget_hint() {
    set_->search_below = UserAddr(0);
    set_->largest_gap_above = 0;
  }
  MappingSet* set_ = nullptr;  // of which this Mm is a sharer
};

}  // namespace tine::mm
