// SPDX-License-Identifier: MIT
//
// What the files of mm/ share about mappings: making, splitting, merging and removing them. All
// need the Mm's mmap_lock held exclusively. See mm/mappings.cpp.
#pragma once

#include "core/result.h"
#include "mm/mm.h"

namespace tine::mm {

Result<void> init_page_table(Mm& mm);
Result<Ref<Mm>> make_mm_without_mappings();  // for fork: one user, no index yet; ENOMEM

// Mappings shared since a fork (mm/mapping_sharing.cpp).
// An empty index for `mm`, which nobody knows yet. ENOMEM.
Result<void> init_mappings(Mm& mm);
// To be called before a mapping is changed, and before it is looked up for that: if others use the
// mappings too, `mm` gets copies. ENOMEM.
Result<void> own_mappings(Mm& mm) REQUIRES(mm.mmap_lock);
// Fork: gives `child`, which has none yet, copies of those of parent's mappings that it shall have.
Result<void> copy_mappings(Mm& parent, Mm& child) REQUIRES(parent.mmap_lock, child.mmap_lock);
void join_mappings(Mm& mm, MappingSet& set) REQUIRES(mm.mmap_lock, set.sharers_lock);
// `mm` has no index any more. The last one to leave destroys the mappings.
void leave_mappings(Mm& mm) REQUIRES(mm.mmap_lock);

// The object's side of a mapping: the reverse map and the right to deny writing. attach fails with
// ETXTBSY; detach leaves `vma.object` in place.
Result<void> attach_object(Vma& vma);
void detach_object(Vma& vma);

// Changes a mapping's range with the object's reverse map looking away.
void set_range(Vma& vma, UserAddr start, UserAddr end);
// Forgets the mapping alone; its pages and counts are the caller's.
void erase_mapping(Mm& mm, Vma& vma) REQUIRES(mm.mmap_lock);

// No more mappings are allowed: ENOMEM.
inline bool has_all_mappings(const Mm& mm) REQUIRES(mm.mmap_lock) {
  return mm.map_count >= max_map_count.load(std::memory_order_relaxed);
}
// Adds `pages` (negative: removes) of a mapping with `flags` to VmSize, VmData and so on.
void account_pages(Mm& mm, uint32_t flags, int64_t pages) REQUIRES(mm.mmap_lock);
// ENOMEM: RLIMIT_AS or RLIMIT_DATA would not allow `pages` more of this kind.
Result<void> may_expand(Mm& mm, uint32_t flags, uint64_t pages) REQUIRES(mm.mmap_lock);
// The promise of `pages` more, for Mm::committed; none if the kind is not counted. ENOMEM.
Result<CommitCharge> charge_pages(Mm& mm, uint32_t flags, uint64_t pages,
                                  uint64_t soon_released = 0) REQUIRES(mm.mmap_lock);
// A mapping of this kind loses so many pages: the opposite of account_pages() and charge_pages().
void forget_pages(Mm& mm, uint32_t flags, uint64_t pages) REQUIRES(mm.mmap_lock);

// Cuts `vma` in two at `at`, which lies inside; `vma` keeps the lower part. ENOMEM.
Result<void> split_mapping(Mm& mm, Vma& vma, UserAddr at) REQUIRES(mm.mmap_lock);
// Cuts so that what `vma` has in common with [start, end) is a mapping of its own, and returns it.
Result<Vma*> isolate_range(Mm& mm, Vma& vma, UserAddr start, UserAddr end) REQUIRES(mm.mmap_lock);
// Joins `vma` with equal neighbours; returns the mapping that now contains it.
Vma& merge_with_neighbours(Mm& mm, Vma& vma) REQUIRES(mm.mmap_lock);
// Removes all mappings in the range, and their pages. ENOMEM when one would have to be cut and
// there is no memory for it: then nothing has happened.
Result<void> remove_mappings(Mm& mm, UserAddr start, UserAddr end) REQUIRES(mm.mmap_lock);
// Makes a mapping of a free range, merging it with its neighbours. Counts are the caller's.
Result<void> insert_mapping(Mm& mm, UserAddr start, UserAddr end, MapRequest& request)
    REQUIRES(mm.mmap_lock);
bool is_range_free(Mm& mm, UserAddr start, UserAddr end) REQUIRES(mm.mmap_lock);
// Where mmap would put `length` bytes without a hint. ENOMEM.
Result<UserAddr> find_free_range(Mm& mm, uint64_t length, bool below_4g) REQUIRES(mm.mmap_lock);
// Faults all pages of the range in, as MAP_POPULATE and mlock do; stops at the first failure.
Result<void> populate_range(Mm& mm, UserAddr start, UserAddr end);

}  // namespace tine::mm
