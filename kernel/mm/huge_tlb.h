// SPDX-License-Identifier: MIT
//
// Mappings of pages of the pool (mmap(2), MAP_HUGETLB): their faults, and what is different for
// them in the calls that change mappings: they begin and end at a huge page's border, are neither
// locked nor counted as promised memory, and keep a reservation instead.
//
// A private mapping whose pages were promised is marked kVmHugeReserved; the promise is a number in
// Mm::huge_reserved, for all such mappings together: at most one page for each window that has none
// yet. A fork's child is promised nothing. If then the parent needs a copy and the pool has none,
// it takes the page from the child, which gets SIGBUS when it needs what it has lost.
#pragma once

#include "core/result.h"
#include "mm/huge_page.h"
#include "mm/mm.h"

namespace tine::mm {

inline bool is_huge_aligned(uint64_t value) { return value % kHugePageSize == 0; }
inline uint64_t huge_page_ceil(uint64_t bytes) {
  return (bytes + kHugePageSize - 1) & ~(kHugePageSize - 1);
}
// Whether a mapping with these flags may be cut at `at`.
inline bool may_cut(uint32_t vm_flags, UserAddr at) {
  return !(vm_flags & kVmHugeTlb) || is_huge_aligned(at.value);
}

// done, bus_error: the pool is empty; no_memory: for page tables.
HugeFault fault_pool_page(Mm& mm, const Vma& vma, UserAddr at, bool write)
    REQUIRES_SHARED(mm.mmap_lock);

// Promises the pages of a mapping that is about to be made. ENOMEM.
Result<void> reserve_pool_pages(Mm& mm, MapRequest& request, uint64_t length)
    REQUIRES(mm.mmap_lock);
// [start, end) of a mapping with kVmHugeReserved is about to go: so does what is promised for it.
// The tables are not folded.
void forget_pool_pages(Mm& mm, UserAddr start, UserAddr end) REQUIRES(mm.mmap_lock);
// MADV_DONTNEED: the pages that lie whole in [start, end) go. As many as were there are promised
// again, if nobody is faster. EINVAL: `start` is not a border; ENOMEM.
Result<void> discard_pool_pages(Mm& mm, const Vma& vma, UserAddr start, UserAddr end)
    REQUIRES(mm.mmap_lock);

}  // namespace tine::mm
