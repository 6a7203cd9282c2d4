// SPDX-License-Identifier: MIT
//
// The reverse map of memory objects: which mappings show an object, and the removal of a range of
// its pages from all of them (truncate, hole punching).
//
// The list belongs to the object's reverse-map lock. A mapping in it says where its pages are and
// in which family; unmap_range() looks for it in the index of each member and takes the
// page_table_lock of those that have it. A member cannot go away meanwhile, because it leaves the
// family first, and what it takes out of its index it does not use for something else before it has
// had the lock.
#include "mm/memory_object.h"

#include <algorithm>

#include "mm/mm.h"
#include "mm/ready_tables.h"
#include "mm/task_hooks.h"
#include "mm/unmap.h"

namespace tine::mm {

// Here, where it is known what a reference to ReadyTables leads to.
MemoryObject::MemoryObject() = default;
MemoryObject::~MemoryObject() = default;

Result<void> MemoryObject::seal_writes(bool only_unmapped) {
  uint32_t seen = writers_and_seal_.load(std::memory_order_relaxed);
  do {
    if (only_unmapped && (seen & ~kWriteSealed) != 0) return Errno::busy;
  } while (!writers_and_seal_.compare_exchange_weak(seen, seen | kWriteSealed,
                                                    std::memory_order_acq_rel));
  return {};
}

Ref<PreparedImage> MemoryObject::image() {
  SpinGuard guard(image_lock_);
  return image_;
}

void MemoryObject::keep_image(Ref<PreparedImage> image, uint64_t changes_before) {
  SpinGuard guard(image_lock_);
  if (keeps_images_ && changes() == changes_before) std::swap(image_, image);
}

Ref<ReadyTables> MemoryObject::ready_tables() {
  SpinGuard guard(image_lock_);
  return ready_tables_;
}

void MemoryObject::keep_ready_tables(Ref<ReadyTables> ready, uint64_t changes_before) {
  SpinGuard guard(image_lock_);
  if (changes() == changes_before) std::swap(ready_tables_, ready);
}

void MemoryObject::contents_changed() {
  Ref<PreparedImage> outdated;  // dropped after the lock
  Ref<ReadyTables> outdated_tables;
  SpinGuard guard(image_lock_);
  changes_.store(changes() + 1, std::memory_order_release);
  std::swap(image_, outdated);
  std::swap(ready_tables_, outdated_tables);
}

void MemoryObject::add_writing_mapping() {
  writers_and_seal_.fetch_add(1, std::memory_order_acq_rel);
  Ref<PreparedImage> outdated;
  SpinGuard guard(image_lock_);
  keeps_images_ = false;
  std::swap(image_, outdated);
}

void MemoryObject::link(Vma& vma) {
  MutexGuard guard(reverse_map_lock_);
  vma.previous_in_object = nullptr;
  vma.next_in_object = first_vma_;
  if (first_vma_ != nullptr) first_vma_->previous_in_object = &vma;
  first_vma_ = &vma;
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
    MutexGuard members(vma->family->lock);
    for (Mm* mm = vma->family->first; mm != nullptr; mm = mm->family_place.next) {
      if (!mm->mappings_for_truncation().has(*vma)) continue;  // or another mapping counts it
      SpinGuard tables(mm->page_table_lock);
      arch::Pte entry = mm->page_table.effective_entry(at);
      count += !is_empty(entry) && entry.address() == frame;
    }
  }
  return count;
}

namespace {

// Removes the translations of [start, stop), a part of `vma`, from one that may have the mapping.
Result<void> unmap_view(Mm& mm, const Vma& vma, UserAddr start, UserAddr stop, bool keeps_copies) {
  auto unmap = keeps_copies && vma.is_private() ? unmap_object_pages : unmap_pages;
  Result<void> outcome;
  const MappingIndex& index = mm.mappings_for_truncation();
  MappingIndex::View view;
  for (UserAddr at = start; at < stop && index.next_view(vma, at, stop, view); at = view.end) {
    Result<void> unmapped = unmap(mm, view.start, view.end);
    if (!unmapped && reclaim_frames() != 0) unmapped = unmap(mm, view.start, view.end);
    if (!unmapped) outcome = unmapped;
  }
  return outcome;
}

}  // namespace

// Truncation takes private copies along (SIGBUS in both, B20). What has become a hole does not, but
// for pages of the pool; both are as with Linux.
Result<void> MemoryObject::unmap_range(uint64_t first, uint64_t end) {
  const bool is_hole = first < page_ceil(size_bytes()) >> kPageShift;
  const bool keeps_copies = is_hole && !has_pool_pages();
  Result<void> outcome;
  MutexGuard guard(reverse_map_lock_);
  for (Vma* vma = first_vma_; vma != nullptr; vma = vma->next_in_object) {
    uint64_t from = std::max(first, vma->object_page);
    uint64_t to = std::min(end, vma->object_page + vma->pages());
    if (from >= to) continue;
    UserAddr start = vma->start + ((from - vma->object_page) << kPageShift);
    UserAddr stop = vma->start + ((to - vma->object_page) << kPageShift);
    MutexGuard members(vma->family->lock);
    for (Mm* mm = vma->family->first; mm != nullptr; mm = mm->family_place.next) {
      Result<void> unmapped = unmap_view(*mm, *vma, start, stop, keeps_copies);
      if (!unmapped) outcome = unmapped;
    }
  }
  return outcome;
}

// The pages are gone for the file, and so they must be for the mappings, even if that takes page
// tables that can only be had by killing somebody: truncate(2) knows no ENOMEM. It fails only for a
// caller who is dying.
Result<void> MemoryObject::unmap_removed(uint64_t first, uint64_t end) {
  Result<void> unmapped = unmap_range(first, end);
  Mm* mm = current_mm();
  while (!unmapped) {
    unmapped = unmap_range(first, end);
    if (!unmapped && (mm == nullptr || !oom_kill(*mm))) break;
  }
  return unmapped;
}

}  // namespace tine::mm
