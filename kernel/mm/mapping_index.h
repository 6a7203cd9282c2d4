// SPDX-License-Identifier: MIT
//
// MappingIndex: the mappings of an address space, ordered by address, as a persistent B+-tree. A
// fork shares the whole tree by one reference; whoever changes a mapping first copies the nodes on
// the way to it (own), and only nodes and mappings that nobody else has are ever changed. Finding,
// inserting, erasing and the search for a gap cost O(log n). docs/constant-time-fork.md has the
// pictures and proofs.
//
// The Mm's mmap_lock guards the index: shared to look, exclusively to change. A truncation looks in
// with neither (next_view), so each change also holds a spin lock of the index, which fork_family's
// comes before. The index knows nothing of objects, pages and counts: those are mm/mappings.cpp's.
//
// Functions that return Result fail with ENOMEM and then have changed nothing that can be seen. The
// others need that own() has been asked for the range since the mmap_lock was taken, and that the
// mapping that changes is not shared (own_mapping() in mm_internal.h).
#pragma once

#include "core/result.h"
#include "mm/mapping_node.h"
#include "mm/vma.h"
#include "sync/spin_lock.h"

namespace tine::mm {

class MappingIndex {
 public:
  MappingIndex() = default;
  MappingIndex(const MappingIndex&) = delete;
  MappingIndex& operator=(const MappingIndex&) = delete;

  Result<void> init();  // empty until then, and not to be changed
  // Fork: `child`, which is empty, has the same mappings from now on.
  void share_with(MappingIndex& child) const;
  void clear();  // may sleep: mappings leave their objects

  // The mapping that contains `address`, or null.
  const Vma* find(UserAddr address) const {
    if (is_empty()) return nullptr;
    const MappingEntry* entry = root_;
    do {
      const auto& node = static_cast<const MappingNode&>(*entry);
      entry = node.entries[node.index_of(address)];
    } while (entry->level != 0);
    return entry->start <= address && address < entry->end ? &mapping(*entry) : nullptr;
  }
  // The first mapping that ends after `address`: it contains it, or lies above. Null: none.
  const Vma* first_ending_after(UserAddr address) const;
  const Vma* next(const Vma& vma) const { return first_ending_after(vma.end); }
  const Vma* previous(const Vma& vma) const;
  const Vma* first() const { return first_ending_after(UserAddr(0)); }
  const Vma* last() const;
  bool is_empty() const { return root_ == nullptr || root_->used == 0; }

  const MappingNode& root() const { return *root_; }  // for tests: to check what nodes say
  // The first mapping with a fork mark that ends after `address`. O(log n).
  const Vma* next_marked(UserAddr address) const {
    return root_->flags == 0 ? nullptr : find_marked(address);
  }
  // The start of the highest gap of `length` bytes in [low, high), or 0. Growing-down mappings keep
  // `guard` bytes below them free.
  UserAddr find_gap(UserAddr low, UserAddr high, uint64_t length, uint64_t guard) const;

  // Makes all nodes that lead to [start, end) this index's own.
  Result<void> own(UserAddr start, UserAddr end);
  // The mapping overlaps nothing. The reference goes to the index, if it succeeds.
  Result<void> insert(Ref<Vma>& vma);
  // Cuts `vma` off at the start of `upper`, which takes the place of the rest.
  Result<void> split(Vma& vma, Ref<Vma>& upper);
  // The reference comes back; dropping it may sleep.
  [[nodiscard]] Ref<Vma> erase(const Vma& vma);
  // `vma` extends over its neighbour, which it touches.
  [[nodiscard]] Ref<Vma> absorb(Vma& vma, const Vma& neighbour);
  // Puts `other`, which is equal, in the place of `vma`.
  [[nodiscard]] Ref<Vma> replace(const Vma& vma, Ref<Vma> other);
  void resize(Vma& vma, UserAddr start, UserAddr end);  // its order stays
  void set_flags(Vma& vma, uint32_t flags);

  // For those who do not hold the mmap_lock. Whether `vma` itself is in the index.
  bool has(const Vma& vma) const;
  // What of [start, end) shows the same pages of the same object as `like` does, the lowest such
  // range. False: there is none.
  struct View {
    UserAddr start, end;
  };
  bool next_view(const Vma& like, UserAddr start, UserAddr end, View& out) const;

 private:
  // From the leaf (level 1) to the root.
  struct Path {
    MappingNode* nodes[MappingNode::kMaxLevels + 1];
    uint8_t at[MappingNode::kMaxLevels + 1];
    uint64_t gaps[MappingNode::kMaxLevels + 1];  // gap_at() before the change, not for the root

    MappingNode& leaf() const { return *nodes[1]; }
  };
  class Spares;

  const Vma* find_marked(UserAddr address) const;
  static const Vma& mapping(const MappingEntry& entry) { return static_cast<const Vma&>(entry); }
  void own_path_again(UserAddr address, Path& path) const;
  Result<void> own_path(UserAddr address, Path& path);
  void note_gaps(Path& path) const;
  void renew(const Path& path, uint64_t leaf_gap) REQUIRES(lock_);
  void renew_all(const Path& path, unsigned from_level) REQUIRES(lock_);
  void renew_marks(const Path& path) REQUIRES(lock_);
  void insert_on(Path& path, Vma& vma, Spares& spares) REQUIRES(lock_);
  void insert_with_splits(Path& path, unsigned at, Vma& vma, Spares& spares) REQUIRES(lock_);
  MappingEntry& erase_on(Path& path) REQUIRES(lock_);
  void thin_out(Path& path) REQUIRES(lock_);
  void resize_on(Path& path, Vma& vma, UserAddr start, UserAddr end) REQUIRES(lock_);

  MappingNode* root_ = nullptr;
  mutable SpinLock lock_{LockRank::mapping_index};
};

}  // namespace tine::mm
