// SPDX-License-Identifier: MIT
//
// What faults and populating (mm/populate.cpp) share: how a page is mapped at its first touch. Both
// hold the Mm's mmap_lock shared, so that mappings stand still.
#pragma once

#include <span>

#include "mm/mm.h"
#include "mm/unmap.h"

namespace tine::mm {

// Maps cached pages of the object, from the one at `start` on and all in one leaf table, where
// nothing is mapped yet. The references to the frames, of which some may be null, are the callee's.
// What was truncated, or can get no table, is left out. Takes the page_table_lock.
void map_object_pages(Mm& mm, const Vma& vma, UserAddr start, std::span<Frame* const> frames);

inline arch::Pte writable_page(const Frame& frame, uint32_t vm_flags) {
  return arch::Pte::page(frame_address(frame),
                         entry_flags(vm_flags) | arch::kWritable | arch::kDirty);
}
inline arch::Pte readable_page(const Frame& frame, uint32_t vm_flags) {
  return arch::Pte::page(frame_address(frame), entry_flags(vm_flags));
}

// Its pages are mapped writable at once: a write needs no look at them.
inline bool writes_to_object(const Vma& vma) {
  return (vma.flags & (kVmShared | kVmWrite)) == (kVmShared | kVmWrite);
}
inline arch::PteFlags object_page_flags(const Vma& vma) {
  const arch::PteFlags flags = entry_flags(vma.flags);
  return writes_to_object(vma) ? flags | arch::kWritable | arch::kDirty : flags;
}

}  // namespace tine::mm
