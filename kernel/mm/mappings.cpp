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
#include "mm/huge_tlb.h"
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

void absorb_neighbour(Mm& mm, Vma& vma, const Vma& neighbour) REQUIRES(mm.mmap_lock) {
  if (!mm.mappings.own(neighbour.start, neighbour.end)) return;
  Ref<Vma> absorbed;  // dropped after the lock: it may take the same
  ReverseMapGuard guard(vma.object.get());
  absorbed = mm.mappings.absorb(vma, neighbour);
  --mm.map_count;
}

// The neighbour that a mapping of private anonymous memory may simply extend, or null.
const Vma* alike_neighbour(Mm& mm, UserAddr start, UserAddr end, const MapRequest& request)
    REQUIRES(mm.mmap_lock) {
  if (request.object || request.name || !is_mergeable(request.flags)) return nullptr;
  auto is_alike = [&](const Vma* vma) {
    return vma != nullptr && !vma->object && !vma->name && vma->flags == request.flags;
  };
  const Vma* before = mm.mappings.find(start - 1);
  if (is_alike(before)) return before;
  const Vma* after = mm.mappings.find(end);
  return is_alike(after) ? after : nullptr;
}

}  // namespace

Vma::~Vma() {
  if (family == nullptr) return;
  object->unlink(*this);
  if (may_write_object()) object->remove_writing_mapping();
  if (flags & kVmDenyWrite) object->allow_write();
}

Result<void> attach_object(Mm& mm, Vma& vma) {
  if (!vma.object) return {};
  if (vma.flags & kVmDenyWrite) TRY(vma.object->deny_write());
  if (vma.may_write_object()) vma.object->add_writing_mapping();
  vma.family = mm.family_place.family;
  vma.object->link(vma);
  return {};
}

Result<Ref<Vma>> copy_mapping(const Vma& vma, UserAddr at) {
  Ref<Vma> copy = TRY(make_ref<Vma>());
  copy->start = at;
  copy->end = vma.end;
  copy->flags = vma.flags;
  copy->object = vma.object;
  copy->object_page = vma.object ? vma.page_of(at) : 0;
  copy->name = vma.name;
  return copy;
}

Result<Vma*> own_mapping(Mm& mm, const Vma& vma) {
  TRY(mm.mappings.own(vma.start, vma.start + kPageSize));
  if (vma.is_only_reference()) return const_cast<Vma*>(&vma);
  Ref<Vma> copy = TRY(copy_mapping(vma, vma.start));
  TRY(attach_object(mm, *copy));
  Vma* owned = copy.get();
  (void)mm.mappings.replace(vma, std::move(copy));
  return owned;
}

void resize_mapping(Mm& mm, Vma& vma, UserAddr start, UserAddr end) {
  ReverseMapGuard guard(vma.object.get());
  mm.mappings.resize(vma, start, end);
}

void erase_mapping(Mm& mm, const Vma& vma) {
  Ref<Vma> gone = mm.mappings.erase(vma);
  --mm.map_count;
  // A truncation that met the mapping in the index takes pages away there: it must be done before
  // the addresses become something else. To leave the object is to wait for it, too.
  if (gone->object && !gone->is_only_reference()) ReverseMapGuard wait(gone->object.get());
}

void account_pages(Mm& mm, uint32_t flags, int64_t pages) {
  auto add = [pages](Hint<uint64_t>& counter) { counter += static_cast<uint64_t>(pages); };
  add(mm.total_vm);
  if (flags & kVmStack) {
    add(mm.stack_vm);
  } else if ((flags & (kVmWrite | kVmShared)) == kVmWrite) {
    add(mm.data_vm);
  } else if ((flags & (kVmExec | kVmWrite)) == kVmExec) {
    add(mm.exec_vm);
  }
  if (flags & kVmLocked) add(mm.locked_vm);
  mm.hiwater_vm = std::max<uint64_t>(mm.hiwater_vm, mm.total_vm);
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

Result<Vma*> split_mapping(Mm& mm, Vma& vma, UserAddr at) {
  if (!may_cut(vma.flags, at)) return Errno::inval;
  if (has_all_mappings(mm)) return Errno::nomem;
  Ref<Vma> upper = TRY(copy_mapping(vma, at));
  TRY(attach_object(mm, *upper));
  Vma* inserted = upper.get();
  ReverseMapGuard guard(vma.object.get());
  TRY(mm.mappings.split(vma, upper));
  ++mm.map_count;
  return inserted;
}

Result<Vma*> isolate_range(Mm& mm, const Vma& vma, UserAddr start, UserAddr end) {
  Vma* inner = TRY(own_mapping(mm, vma));
  if (inner->start < start) inner = TRY(split_mapping(mm, *inner, start));
  if (inner->end > end) {
    if (auto split = split_mapping(mm, *inner, end); !split) {
      merge_with_neighbours(mm, *inner);
      return split;
    }
  }
  return inner;
}

void merge_with_neighbours(Mm& mm, Vma& vma) {
  if (!is_mergeable(vma.flags)) return;
  const Vma* after = mm.mappings.next(vma);
  if (after != nullptr && continues(vma, *after)) absorb_neighbour(mm, vma, *after);
  const Vma* before = mm.mappings.previous(vma);
  if (before != nullptr && continues(*before, vma)) absorb_neighbour(mm, vma, *before);
}

Result<void> remove_mappings(Mm& mm, UserAddr start, UserAddr end) {
  const Vma* vma = mm.mappings.first_ending_after(start);
  if (vma == nullptr || vma->start >= end) return {};
  TRY(prepare_unmap(mm, start, end));
  TRY(mm.mappings.own(start, end));
  Vma* upper = nullptr;  // of the mapping that `start` cuts
  if (vma->start < start) {
    Vma* lower = TRY(own_mapping(mm, *vma));
    vma = upper = TRY(split_mapping(mm, *lower, start));
  }
  const Vma* last = mm.mappings.first_ending_after(end - 1);
  if (last != nullptr && last->start < end && last->end > end) {
    Result<Vma*> cut = own_mapping(mm, *last);
    if (cut) cut = split_mapping(mm, **cut, end);
    if (!cut) {
      if (upper != nullptr) merge_with_neighbours(mm, *upper);
      return cut.error();
    }
    vma = mm.mappings.first_ending_after(start);  // `last` may have become a copy
  }
  while (vma != nullptr && vma->start < end) {
    const Vma* next = mm.mappings.next(*vma);
    if (vma->flags & kVmHugeReserved) forget_pool_pages(mm, vma->start, vma->end);
    forget_pages(mm, vma->flags, vma->pages());
    erase_mapping(mm, *vma);
    vma = next;
  }
  return unmap_pages(mm, start, end);
}

Result<void> insert_mapping(Mm& mm, UserAddr start, UserAddr end, MapRequest& request) {
  if (const Vma* alike = alike_neighbour(mm, start, end, request)) {
    Vma& extended = *TRY(own_mapping(mm, *alike));
    const bool grows_up = extended.end == start;
    mm.mappings.resize(extended, std::min(extended.start, start), std::max(extended.end, end));
    if (grows_up) merge_with_neighbours(mm, extended);  // else it is known that nothing is alike
    return {};
  }
  const bool may_have_alike = request.object || request.name;
  Ref<Vma> vma = TRY(make_ref<Vma>());
  vma->start = start;
  vma->end = end;
  vma->flags = request.flags;
  vma->object = std::move(request.object);
  vma->object_page = request.object_page;
  vma->name = std::move(request.name);
  TRY(attach_object(mm, *vma));
  // Now that it is counted, no seal can come that forbids it.
  if (vma->may_write_object() && vma->object->is_write_sealed()) return Errno::perm;
  Vma& inserted = *vma;
  TRY(mm.mappings.insert(vma));
  ++mm.map_count;
  if (may_have_alike) merge_with_neighbours(mm, inserted);
  return {};
}

bool is_range_free(Mm& mm, UserAddr start, UserAddr end) {
  const Vma* vma = mm.mappings.first_ending_after(start);
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
