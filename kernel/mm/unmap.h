// SPDX-License-Identifier: MIT
//
// Operations on the page-table entries of a range of addresses, for the rest of mm/. They take the
// Mm's page_table_lock, a leaf table (2 MiB) at a time, and flush what must be flushed. The
// mappings themselves are not touched. Those that may meet a table which is shared since a fork,
// and would have to copy it, fail with ENOMEM when there is no memory.
#pragma once

#include <cstdint>

#include "arch/page_table.h"
#include "core/types.h"
#include "mm/mm.h"

namespace tine::mm {

class UnmapBatch;

// An entry of a mapping without rights (PROT_NONE) keeps its frame but is not valid: bit 0 says
// valid on every architecture that Tine has. An entry is empty only when all of it is zero.
inline bool is_empty(arch::Pte entry) { return entry.raw() == 0; }
arch::Pte hide(arch::Pte entry);

// Rights of a mapping's entries; write only where the frame may be written without a fault.
arch::PteFlags entry_flags(uint32_t vm_flags);

// Page tables that are folded (mm/fold.cpp) are made again, and stay so as long as the mmap_lock is
// held. ENOMEM.
Result<void> unfold_now(Mm& mm) REQUIRES(mm.page_table_lock);
inline Result<void> unfold(Mm& mm) REQUIRES(mm.page_table_lock) {
  if (!mm.page_table.is_folded()) [[likely]]
    return {};
  return unfold_now(mm);
}

// Frees the pages of [start, end). ENOMEM: some of them are still there.
Result<void> unmap_pages(Mm& mm, UserAddr start, UserAddr end);
// Those of objects alone: private copies stay. ENOMEM likewise.
Result<void> unmap_object_pages(Mm& mm, UserAddr start, UserAddr end);
// After it, unmap_pages() of the same range does not fail while the mmap_lock is held exclusively.
Result<void> prepare_unmap(Mm& mm, UserAddr start, UserAddr end);
// What is left to do when unlink_whole() has unlinked a table at `start` and its lock is free.
void drop_unlinked(Mm& mm, UserAddr start, const PageTable::Unlinked& unlinked, UnmapBatch& batch);
// Everything, when no CPU can use the tables any more: exit. Drops what is shared without a look.
void unmap_all_unused(Mm& mm);
// Makes all tables of the range the Mm's own, as they stay while the mmap_lock is held exclusively.
enum class HugePages : bool { split, keep };  // those that lie whole in the range
Result<void> own_pages(Mm& mm, UserAddr start, UserAddr end, HugePages huge = HugePages::keep);
// Gives the entries, which must be the Mm's own, the rights of `vm_flags`; write comes only by the
// next fault.
void protect_pages(Mm& mm, UserAddr start, UserAddr end, uint32_t vm_flags);
// Moves entries to another place (mremap). False: no memory, and all is where it was.
bool move_pages(Mm& mm, UserAddr from, UserAddr to, uint64_t length);

// What a frame that a program maps counts as. Frames of the kernel (the zero page, the vDSO) live
// for ever and are neither counted nor referenced.
inline constexpr uint16_t kFrameShmem = 1u << 8;  // Frame::flags: a page of anonymous shared memory
inline bool is_counted(const Frame& frame) { return frame.kind != FrameKind::kernel; }
inline RssKind rss_kind(const Frame& frame) {
  if (frame.kind == FrameKind::anonymous) return RssKind::anonymous;
  return frame.flags & kFrameShmem ? RssKind::shmem : RssKind::file;
}

// Pages of each kind, gathered over a range and added to the Mm's counters at once.
class RssDelta {
 public:
  void count(const Frame& frame, int64_t pages = 1) {
    pages_[static_cast<unsigned>(rss_kind(frame))] += pages;
  }
  void count_huge(const Frame& huge) {
    const bool is_pool = huge.kind == FrameKind::huge_pool;
    pages_[static_cast<unsigned>(is_pool ? RssKind::huge_pool : RssKind::anonymous)] +=
        arch::kTableEntries;
  }
  void add_to(Mm& mm) REQUIRES(mm.page_table_lock) {
    for (unsigned kind = 0; kind < kRssKinds; ++kind) {
      if (pages_[kind] != 0) mm.add_rss(static_cast<RssKind>(kind), pages_[kind]);
    }
  }
  void subtract_from(Mm& mm) REQUIRES(mm.page_table_lock) {
    mm.note_peak_rss();
    for (unsigned kind = 0; kind < kRssKinds; ++kind) {
      if (pages_[kind] != 0) mm.add_rss(static_cast<RssKind>(kind), -pages_[kind]);
    }
  }

 private:
  int64_t pages_[kRssKinds] = {};
};

}  // namespace tine::mm
