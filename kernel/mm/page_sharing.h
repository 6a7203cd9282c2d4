// SPDX-License-Identifier: MIT
//
// How many address spaces map a page just now, for /proc/PID/smaps and pagemap. A frame does not
// know: tables are shared since a fork, and a frame counts the tables that map it. So the others
// are asked: for a page of an object those that its reverse map leads to, for anonymous memory
// those that have it at the same address, where fork puts it. What mremap has moved elsewhere since
// is counted once for each table. Allocates nothing; slow, and meant for readers of /proc alone.
#pragma once

#include <cstdint>

#include "mm/mm.h"

namespace tine::mm {

// What one leaf table (2 MiB) maps, and by how many address spaces each page is mapped.
struct LeafSharing : HeapAllocated {
  static constexpr const char* kCacheName = "leaf_sharing";
  LeafSharing() {}
  static constexpr unsigned kPages = arch::kTableEntries;
  arch::Pte entries[kPages];
  const Frame* huge_page;    // that they are parts of, or null
  uint32_t sharers[kPages];  // 0: the entry is empty, or its frame is nobody's
  uint32_t found[kPages];    // others at the same address, while they are looked for

  // Whose kind and count are those of page `i`: parts of a huge page have none of their own.
  const Frame& frame(unsigned i) const {
    return huge_page != nullptr ? *huge_page : frame_at(entries[i].address());
  }
};

// Fills in what `vma` maps in [start, end), which lies in one leaf table, from index 0 on.
void measure_sharing(Mm& mm, const Vma& vma, UserAddr start, UserAddr end, LeafSharing& out)
    REQUIRES_SHARED(mm.mmap_lock);

// The first address in [at, end) where something may be mapped, or `end`.
UserAddr next_mapped(Mm& mm, UserAddr at, UserAddr end);

}  // namespace tine::mm
