// SPDX-License-Identifier: MIT
//
// The reverse map of memory objects: which mappings show an object, and the removal of a range of
// its pages from all of them (truncate, hole punching).
//
// The list belongs to the object's reverse-map lock; mappings are linked and unlinked by their Mm,
// with its mmap_lock held. unmap_range() visits each Mm that uses the set which a mapping is in,
// and takes its page_table_lock; an Mm cannot go away meanwhile, because it leaves the set first.
#include "mm/memory_object.h"

#include <algorithm>

#include "mm/mm.h"
#include "mm/unmap.h"

namespace tine::mm {

Result<void> MemoryObject::seal_writes(bool only_unmapped) {
  uint32_t seen = writers_and_seal_.load(std::memory_order_relaxed);
  do {
    if (only_unmapped && (seen & ~kWriteSealed) != 0) return Errno::busy;
  } while (!writers_and_seal_.compare_exchange_weak(seen, seen | kWriteSealed,
                                                    std::memory_order_acq_rel));
  return {};
}

void MemoryObject::link(Vma& vma) {
  MutexGuard guard(reverse_map_lock_);
  vma.previous_in_object = nullptr;
  vma.next_in_object = first_vma_;
  if (first_vma_ != nullptr) first_vma_->previous_in_object = &vma;
  first_vma_ = &vma;
}

void MemoryObject::link_after_locked(Vma& vma, Vma& neighbour) {
  vma.previous_in_object = &neighbour;
  vma.next_in_object = neighbour.next_in_object;
  if (vma.next_in_object != nullptr) vma.next_in_object->previous_in_object = &vma;
  neighbour.next_in_object = &vma;
}

void MemoryObject::unlink(Vma& vma) {
  MutexGuard guard(reverse_map_lock_);
  if (vma.next_in_object != nullptr) {
    vma.next_in_object->previous_in_object = vma.previous_in_object;
  }
  if (vma.previous_in_object != nullptr) {
    vma.previous_in_object->next_in_object = vma.next_in_object;
  } else {
    first_vma_ = vma.next_in_object;
  }
}

uint32_t MemoryObject::count_mappers(uint64_t index, PhysAddr frame) {
  uint32_t count = 0;
  MutexGuard guard(reverse_map_lock_);
  for (Vma* vma = first_vma_; vma != nullptr; vma = vma->next_in_object) {
    if (index < vma->object_page || index >= vma->object_page + vma->pages()) continue;
    UserAddr at = vma->start + ((index - vma->object_page) << kPageShift);
    MutexGuard sharers(vma->set->sharers_lock);
    for (Sharer* sharer = vma->set->first_sharer; sharer != nullptr; sharer = sharer->next) {
      SpinGuard tables(sharer->mm->page_table_lock);
      arch::Pte entry = sharer->mm->page_table.effective_entry(at);
      count += !is_empty(entry) && entry.address() == frame;
    }
  }
  return count;
}

Result<void> MemoryObject::unmap_range(uint64_t first, uint64_t end) {
  Result<void> outcome;
  MutexGuard guard(reverse_map_lock_);
  for (Vma* vma = first_vma_; vma != nullptr; vma = vma->next_in_object) {
    uint64_t from = std::max(first, vma->object_page);
    uint64_t to = std::min(end, vma->object_page + vma->pages());
    if (from >= to) continue;
    // Truncation takes private copies along, as Linux's does (SIGBUS in both, B20).
    UserAddr start = vma->start + ((from - vma->object_page) << kPageShift);
    UserAddr stop = vma->start + ((to - vma->object_page) << kPageShift);
    MutexGuard sharers(vma->set->sharers_lock);
    for (Sharer* sharer = vma->set->first_sharer; sharer != nullptr; sharer = sharer->next) {
      Result<void> unmapped = unmap_pages(*sharer->mm, start, stop);
      if (!unmapped && reclaim_frames() != 0) unmapped = unmap_pages(*sharer->mm, start, stop);
      if (!unmapped) outcome = unmapped;
    }
  }
  return outcome;
}

}  // namespace tine::mm
