// SPDX-License-Identifier: MIT
//
// /proc/PID/pagemap and clear_refs. See page_map.h.
//
// Describing takes the mmap_lock shared and lets go of it after each stretch. Forgetting holds it
// exclusively, because it must own the tables whose bits it clears: of a shared one the others
// would forget, too.
#include "mm/page_map.h"

#include <algorithm>
#include <bit>

#include "mm/huge_object.h"
#include "mm/tlb.h"
#include "mm/unmap.h"

namespace tine::mm {
namespace {

uint64_t word_of(const Vma& vma, const LeafSharing& leaf, unsigned i, bool shows_frames) {
  const arch::Pte entry = leaf.entries[i];
  if (is_empty(entry)) return 0;
  const Frame& frame = leaf.frame(i);
  uint64_t word = kPageMapPresent;
  if (shows_frames) word |= entry.address().value >> kPageShift;
  uint32_t sharers = leaf.sharers[i];
  bool is_file =
      is_counted(frame) ? rss_kind(frame) != RssKind::anonymous : (vma.flags & kVmSpecial) != 0;
  if (vma.flags & kVmHugeTlb) {
    is_file = frame.flags & kFrameHugeObject;
    sharers -= is_file;  // the object is not a mapping
  }
  if (is_file) word |= kPageMapFile;
  if (sharers == 1) word |= kPageMapExclusive;
  return word;
}

constexpr uint64_t kUnused = ~uint64_t{arch::kAccessed};

// What the processor notes meanwhile is not lost: it finds the old entry, or none, which is a fault
// that waits for the mmap_lock.
void forget_access(LeafTable leaf, unsigned index) {
  if (is_empty(leaf.get(index))) return;
  leaf.insert(index, std::bit_cast<arch::Pte>(leaf.remove(index).raw() & kUnused));
}
void forget_access(arch::Pte& huge) {
  __atomic_fetch_and(reinterpret_cast<uint64_t*>(&huge), kUnused, __ATOMIC_RELAXED);
}

bool is_meant(const Vma& vma, MappingsOf which) {
  if (vma.flags & (kVmSpecial | kVmHugeTlb)) return false;
  return which == MappingsOf::all || (which == MappingsOf::objects) == bool(vma.object);
}

}  // namespace

PageMapStretch describe_pages(Mm& mm, UserAddr start, UserAddr end, std::span<uint64_t> words,
                              bool shows_frames, LeafSharing& leaf) {
  ReadGuard guard(mm.mmap_lock);
  const Vma* vma = mm.mappings.first_ending_after(start);
  UserAddr used = end;
  if (vma != nullptr && vma->start < end) {
    used = next_mapped(mm, std::max(start, vma->start), std::min(end, vma->end));
  }
  if (used > start) return {.pages = (used - start) >> kPageShift, .is_empty = true};
  const UserAddr stop =
      std::min({end, vma->end, leaf_end(start), start + words.size() * kPageSize});
  measure_sharing(mm, *vma, start, stop, leaf);
  const uint64_t pages = (stop - start) >> kPageShift;
  for (unsigned i = 0; i < pages; ++i) words[i] = word_of(*vma, leaf, i, shows_frames);
  return {.pages = pages, .is_empty = false};
}

Result<void> forget_accesses(Mm& mm, MappingsOf which) {
  WriteGuard guard(mm.mmap_lock);
  for (const Vma* vma = mm.mappings.first(); vma != nullptr; vma = mm.mappings.next(*vma)) {
    if (!is_meant(*vma, which)) continue;
    TRY(own_pages(mm, vma->start, vma->end));
    {
      SpinGuard tables(mm.page_table_lock);
      for (LeafWalk walk(mm.page_table, vma->start, vma->end); walk.next(); tables.let_others()) {
        if (walk.huge != nullptr) forget_access(*walk.huge);
        for (unsigned i = walk.first; walk.leaf && i < walk.last; ++i) forget_access(walk.leaf, i);
      }
    }
    flush_tlb_range(mm, vma->start, vma->end);
  }
  return {};
}

}  // namespace tine::mm
