// SPDX-License-Identifier: MIT
//
// Mappings as Linux keeps them: split where a call changes part of one, merged with a neighbour
// that is its continuation, counted as VmSize, VmData and VmStk show them.
//
// Everything here runs with the Mm's mmap_lock held exclusively. A function that fails has changed
// nothing that a program could see (a mapping may remain cut in two equal halves).
#include <algorithm>

#include "arch/user_access.h"
#include "mm/frame.h"
#include "mm/mm_internal.h"
#include "mm/task_hooks.h"
#include "mm/unmap.h"

namespace tine::mm {
namespace {

bool is_mergeable(uint32_t flags) { return !(flags & (kVmSpecial | kVmDontExpand)); }

// Whether `upper` continues `lower`, which it touches.
bool continues(const Vma& lower, const Vma& upper) {
  return lower.end == upper.start && lower.flags == upper.flags && is_mergeable(lower.flags) &&
         lower.object == upper.object && (lower.object || lower.name == upper.name) &&
         (!lower.object || lower.object_page + lower.pages() == upper.object_page);
}

// `lower` takes over all of `upper`.
void absorb(Mm& mm, Vma& lower, Vma& upper) REQUIRES(mm.mmap_lock) {
  UserAddr end = upper.end;
  erase_mapping(mm, upper);
  set_range(lower, lower.start, end);
}

}  // namespace

void set_range(Vma& vma, UserAddr start, UserAddr end) {
  if (vma.object) vma.object->unlink(vma);
  if (vma.object) vma.object_page = vma.object_page + ((start - vma.start) >> kPageShift);
  vma.start = start;
  vma.end = end;
  if (vma.object) vma.object->link(vma);
}

void erase_mapping(Mm& mm, Vma& vma) REQUIRES(mm.mmap_lock) {
  mm.mappings.erase(vma);
  --mm.map_count;
  detach_object(vma);
  delete &vma;
}

Result<void> attach_object(Vma& vma) {
  if (!vma.object) return {};
  if (vma.flags & kVmDenyWrite) TRY(vma.object->deny_write());
  if (vma.may_write_object()) vma.object->add_writing_mapping();
  vma.object->link(vma);
  return {};
}

void detach_object(Vma& vma) {
  if (!vma.object) return;
  vma.object->unlink(vma);
  if (vma.may_write_object()) vma.object->remove_writing_mapping();
  if (vma.flags & kVmDenyWrite) vma.object->allow_write();
}

void account_pages(Mm& mm, uint32_t flags, int64_t pages) {
  auto add = [pages](uint64_t& counter) { counter += static_cast<uint64_t>(pages); };
  add(mm.total_vm);
  if (flags & kVmStack) {
    add(mm.stack_vm);
  } else if ((flags & (kVmWrite | kVmShared)) == kVmWrite) {
    add(mm.data_vm);
  } else if ((flags & (kVmExec | kVmWrite)) == kVmExec) {
    add(mm.exec_vm);
  }
  if (flags & kVmLocked) add(mm.locked_vm);
  mm.hiwater_vm = std::max(mm.hiwater_vm, mm.total_vm);
}

Result<void> may_expand(Mm& mm, uint32_t flags, uint64_t pages) {
  if (mm.total_vm + pages > memory_limit(MemoryLimit::address_space) >> kPageShift) {
    return Errno::nomem;
  }
  bool is_data = (flags & (kVmWrite | kVmShared | kVmStack)) == kVmWrite;
  if (is_data && mm.data_vm + pages > memory_limit(MemoryLimit::data) >> kPageShift) {
    return Errno::nomem;
  }
  return {};
}

Result<CommitCharge> charge_pages(Mm& mm, uint32_t flags, uint64_t pages, uint64_t soon_released) {
  if (!(flags & kVmAccount)) return CommitCharge();
  return CommitCharge::take(
      {.pages = pages, .size_of_caller = mm.total_vm, .soon_released = soon_released});
}

void forget_pages(Mm& mm, uint32_t flags, uint64_t pages) {
  account_pages(mm, flags, -static_cast<int64_t>(pages));
  if (flags & kVmAccount) mm.committed.release(pages);
}

Result<void> split_mapping(Mm& mm, Vma& vma, UserAddr at) {
  if (has_all_mappings(mm)) return Errno::nomem;
  Owned<Vma> upper = TRY(make<Vma>());
  upper->start = at;
  upper->end = vma.end;
  upper->flags = vma.flags;
  upper->set = mm.mappings.set();
  upper->object = vma.object;
  upper->object_page = vma.object ? vma.page_of(at) : 0;
  upper->name = vma.name;
  if (auto attached = attach_object(*upper); !attached) return attached;
  set_range(vma, vma.start, at);
  mm.mappings.insert(*upper.leak());
  ++mm.map_count;
  return {};
}

Result<Vma*> isolate_range(Mm& mm, Vma& vma, UserAddr start, UserAddr end) {
  Vma* inner = &vma;
  if (inner->start < start) {
    TRY(split_mapping(mm, *inner, start));
    inner = mm.mappings.next(*inner);
  }
  if (inner->end > end) TRY(split_mapping(mm, *inner, end));
  return inner;
}

Vma& merge_with_neighbours(Mm& mm, Vma& vma) {
  Vma* merged = &vma;
  Vma* after = mm.mappings.next(vma);
  if (after != nullptr && continues(vma, *after)) absorb(mm, vma, *after);
  Vma* before = mm.mappings.previous(vma);
  if (before != nullptr && continues(*before, vma)) {
    absorb(mm, *before, vma);
    merged = before;
  }
  return *merged;
}

Result<void> remove_mappings(Mm& mm, UserAddr start, UserAddr end) {
  Vma* vma = mm.mappings.first_ending_after(start);
  if (vma == nullptr || vma->start >= end) return {};
  TRY(prepare_unmap(mm, start, end));
  if (vma->start < start) {
    TRY(split_mapping(mm, *vma, start));
    vma = mm.mappings.next(*vma);
  }
  Vma* last = mm.mappings.first_ending_after(end - 1);
  if (last != nullptr && last->start < end && last->end > end) {
    if (auto split = split_mapping(mm, *last, end); !split) {
      merge_with_neighbours(mm, *vma);
      return split;
    }
  }
  while (vma != nullptr && vma->start < end) {
    Vma* next = mm.mappings.next(*vma);
    forget_pages(mm, vma->flags, vma->pages());
    erase_mapping(mm, *vma);
    vma = next;
  }
  return unmap_pages(mm, start, end);
}

Result<void> insert_mapping(Mm& mm, UserAddr start, UserAddr end, MapRequest& request) {
  Vma* after = mm.mappings.first_ending_after(start);
  Vma* before = after != nullptr ? mm.mappings.previous(*after) : mm.mappings.last();
  // The common case: private anonymous memory next to more of it needs no new mapping.
  if (!request.object && !request.name && is_mergeable(request.flags)) {
    auto is_alike = [&](const Vma* vma) {
      return vma != nullptr && !vma->object && !vma->name && vma->flags == request.flags;
    };
    if (is_alike(before) && before->end == start) {
      set_range(*before, before->start, end);
      merge_with_neighbours(mm, *before);
      return {};
    }
    if (is_alike(after) && after->start == end) {
      set_range(*after, start, after->end);
      return {};
    }
  }
  Owned<Vma> vma = TRY(make<Vma>());
  vma->start = start;
  vma->end = end;
  vma->flags = request.flags;
  vma->set = mm.mappings.set();
  vma->object = std::move(request.object);
  vma->object_page = request.object_page;
  vma->name = std::move(request.name);
  TRY(attach_object(*vma));
  // Now that it is counted, no seal can come that forbids it.
  if (vma->may_write_object() && vma->object->is_write_sealed()) {
    detach_object(*vma);
    return Errno::perm;
  }
  Vma& inserted = *vma.leak();
  mm.mappings.insert(inserted);
  ++mm.map_count;
  merge_with_neighbours(mm, inserted);
  return {};
}

bool is_range_free(Mm& mm, UserAddr start, UserAddr end) {
  Vma* vma = mm.mappings.first_ending_after(start);
  return vma == nullptr || vma->start >= end;
}

Result<UserAddr> find_free_range(Mm& mm, uint64_t length, bool below_4g) {
  // MAP_32BIT means the first 2 GiB, and Linux leaves the first of them to programs (mmap(2)).
  UserAddr low = below_4g ? UserAddr(1ull << 30) : UserAddr(kMinMapAddress);
  UserAddr high = below_4g ? UserAddr(1ull << 31) : mm.mmap_base;
  UserAddr found = mm.mappings.find_gap(low, high, length, kStackGuardGap);
  if (found.value == 0 && !below_4g) {
    found = mm.mappings.find_gap(mm.mmap_base, UserAddr(arch::kUserTop), length, kStackGuardGap);
  }
  if (found.value == 0) return Errno::nomem;
  return found;
}

}  // namespace tine::mm
