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

// A family and an empty index for `mm`, which nobody knows yet. ENOMEM.
Result<void> init_mappings(Mm& mm);
void join_family(Mm& mm, ForkFamily& family) REQUIRES(family.lock);
// `mm` has no mappings any more. The last one to leave destroys the family.
void leave_family(Mm& mm) REQUIRES(mm.mmap_lock);

// The mapping that `vma` is, or from now on a copy of it in its place, for `mm` alone to change.
// ENOMEM.
Result<Vma*> own_mapping(Mm& mm, const Vma& vma) REQUIRES(mm.mmap_lock);
// A mapping that shows the same as `vma` from `at` on, up to its end. Not in the index, nor known
// to its object. ENOMEM.
Result<Ref<Vma>> copy_mapping(const Vma& vma, UserAddr at);
// Makes a mapping known to its object: the reverse map, the right to deny writing. ETXTBSY. What is
// known to its object leaves it when it dies, whether it has ever been in the index or not.
Result<void> attach_object(Mm& mm, Vma& vma);
// Changes a mapping's range while its object's reverse map looks away.
void resize_mapping(Mm& mm, Vma& vma, UserAddr start, UserAddr end) REQUIRES(mm.mmap_lock);
// Forgets the mapping alone; its pages and counts are the caller's. own() was called for its range.
void erase_mapping(Mm& mm, const Vma& vma) REQUIRES(mm.mmap_lock);

// Holds the reverse-map lock of an object, if there is one.
class ReverseMapGuard {
 public:
  explicit ReverseMapGuard(MemoryObject* object) NO_THREAD_SAFETY_ANALYSIS : object_(object) {
    if (object_ != nullptr) object_->reverse_map_lock().lock();
  }
  ~ReverseMapGuard() NO_THREAD_SAFETY_ANALYSIS {
    if (object_ != nullptr) object_->reverse_map_lock().unlock();
  }
  ReverseMapGuard(const ReverseMapGuard&) = delete;
  ReverseMapGuard& operator=(const ReverseMapGuard&) = delete;

 private:
  MemoryObject* object_;
};

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

// Cuts `vma`, an own one, in two at `at`, which lies inside; gives the upper part. ENOMEM; EINVAL:
// through a page of the pool.
Result<Vma*> split_mapping(Mm& mm, Vma& vma, UserAddr at) REQUIRES(mm.mmap_lock);
// Cuts so that what `vma` has in common with [start, end) is a mapping of its own, for `mm` alone
// to change, and returns it. ENOMEM.
Result<Vma*> isolate_range(Mm& mm, const Vma& vma, UserAddr start, UserAddr end)
    REQUIRES(mm.mmap_lock);
// `vma`, an own one, takes over equal neighbours. Without memory for that they stay apart.
void merge_with_neighbours(Mm& mm, Vma& vma) REQUIRES(mm.mmap_lock);
// Removes all mappings in the range, and their pages. ENOMEM or EINVAL when one would have to be
// cut and there is no memory for it, or it may not be: then nothing has happened.
Result<void> remove_mappings(Mm& mm, UserAddr start, UserAddr end) REQUIRES(mm.mmap_lock);
// Makes a mapping of a free range, merging it with its neighbours. Counts are the caller's.
Result<void> insert_mapping(Mm& mm, UserAddr start, UserAddr end, MapRequest& request)
    REQUIRES(mm.mmap_lock);
bool is_range_free(Mm& mm, UserAddr start, UserAddr end) REQUIRES(mm.mmap_lock);
// Where mmap would put `length` bytes without a hint. ENOMEM.
Result<UserAddr> find_free_range(Mm& mm, uint64_t length, bool below_4g) REQUIRES(mm.mmap_lock);

}  // namespace tine::mm
