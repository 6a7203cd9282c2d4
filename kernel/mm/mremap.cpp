// SPDX-License-Identifier: MIT
//
// mremap(2): a mapping shrinks, grows where it is, or moves with its pages to another place.
//
// Runs with the mmap_lock held exclusively. A move makes the new mapping and all the page tables it
// needs before the first entry moves, so that a failure (ENOMEM) leaves everything in place.
#include <algorithm>

#include "arch/user_access.h"
#include "mm/huge_tlb.h"
#include "mm/mm_internal.h"
#include "mm/populate.h"
#include "mm/task_hooks.h"
#include "mm/unmap.h"

namespace tine::mm {
namespace {

struct Move {
  UserAddr from, to;
  uint64_t old_length, new_length;
  bool keep_source = false;  // the old mapping stays, without pages
};

// A mapping for the new place that shows what `source` shows from `from` on. Not in the index yet.
Result<Ref<Vma>> make_target(Mm& mm, const Vma& source, const Move& move) REQUIRES(mm.mmap_lock) {
  Ref<Vma> target = TRY(copy_mapping(source, move.from));
  target->start = move.to;
  target->end = move.to + move.new_length;
  TRY(attach_object(mm, *target));
  return target;
}

void note_target(Mm& mm, Vma& target) REQUIRES(mm.mmap_lock) {
  account_pages(mm, target.flags, static_cast<int64_t>(target.pages()));
  ++mm.map_count;
  merge_with_neighbours(mm, target);
}

// An old length of 0: a second view of shared memory (mremap(2)).
Result<UserAddr> add_view(Mm& mm, const Vma& vma, const Move& move) REQUIRES(mm.mmap_lock) {
  if (has_all_mappings(mm)) return Errno::nomem;
  Ref<Vma> target = TRY(make_target(mm, vma, move));
  Vma& inserted = *target;
  TRY(mm.mappings.insert(target));
  note_target(mm, inserted);
  return move.to;
}

void release_source(Mm& mm, Vma& source, bool keep) REQUIRES(mm.mmap_lock) {
  account_pages(mm, source.flags, -static_cast<int64_t>(source.pages()));
  if (!keep) return erase_mapping(mm, source);
  mm.mappings.set_flags(source, source.flags & ~kVmAnyLock);
  account_pages(mm, source.flags, static_cast<int64_t>(source.pages()));
  merge_with_neighbours(mm, source);
}

// Puts the target into the index and the pages there, with the object's reverse map looking away:
// a truncation that has passed the one place must not find that pages came there from the other.
Result<Vma*> move_to_target(Mm& mm, const Vma& source, const Move& move) REQUIRES(mm.mmap_lock) {
  Ref<Vma> target = TRY(make_target(mm, source, move));
  Vma* inserted = target.get();
  ReverseMapGuard guard(source.object.get());
  TRY(mm.mappings.insert(target));
  if (move_pages(mm, move.from, move.to, move.old_length)) return inserted;
  target = mm.mappings.erase(*inserted);
  return Errno::nomem;
}

Result<UserAddr> move_mapping(Mm& mm, const Vma& vma, const Move& move) REQUIRES(mm.mmap_lock) {
  if (mm.map_count + 2 > max_map_count.load(std::memory_order_relaxed)) return Errno::nomem;
  Vma* source = TRY(isolate_range(mm, vma, move.from, move.from + move.old_length));
  Result<Vma*> target = move_to_target(mm, *source, move);
  if (!target) {
    merge_with_neighbours(mm, *source);
    return target.error();
  }
  release_source(mm, *source, move.keep_source);
  note_target(mm, **target);
  return move.to;
}

Result<UserAddr> move_or_view(Mm& mm, const Vma& vma, const Move& move, CommitCharge charge)
    REQUIRES(mm.mmap_lock) {
  UserAddr at = TRY(move.old_length == 0 ? add_view(mm, vma, move) : move_mapping(mm, vma, move));
  mm.committed.add(std::move(charge));
  return at;
}

// The promise of the pages that are added.
Result<CommitCharge> check_growth(Mm& mm, const Vma& vma, uint64_t pages) REQUIRES(mm.mmap_lock) {
  if (vma.flags & (kVmDontExpand | kVmSpecial)) return Errno::fault;
  if ((vma.flags & kVmLocked) && !may_exceed_locked_limit() &&
      mm.locked_vm + pages > memory_limit(MemoryLimit::locked) >> kPageShift) {
    return Errno::again;
  }
  TRY(may_expand(mm, vma.flags, pages));
  return charge_pages(mm, vma.flags, pages);
}

// Pages of the pool move whole and do not become more.
Result<void> check_pool_remap(const RemapRequest& request, uint64_t& old_length,
                              uint64_t& new_length) {
  old_length = huge_page_ceil(old_length);
  new_length = huge_page_ceil(new_length);
  const bool fits = is_huge_aligned(request.old_address.value) &&
                    (!request.fixed || is_huge_aligned(request.new_address.value));
  if (!fits || new_length > old_length || request.keep_source) return Errno::inval;
  return {};
}

Result<UserAddr> remap_to(Mm& mm, const Vma& vma, const RemapRequest& request, uint64_t old_length,
                          uint64_t new_length) REQUIRES(mm.mmap_lock) {
  UserAddr to = request.new_address;
  if (!to.is_page_aligned() || !arch::is_user_range(to, new_length)) return Errno::inval;
  if (to < request.old_address + old_length && request.old_address < to + new_length) {
    return Errno::inval;
  }
  UserAddr from = request.old_address;
  const uint64_t kept_length = request.keep_source ? 0 : old_length;
  CommitCharge charge;
  if (new_length > kept_length) {
    charge = TRY(check_growth(mm, vma, (new_length - kept_length) >> kPageShift));
  }
  TRY(remove_mappings(mm, to, to + new_length));
  if (new_length < old_length) {
    TRY(remove_mappings(mm, from + new_length, from + old_length));
    old_length = new_length;
  }
  const Vma* source = mm.mappings.find(from);  // the unmapping may have cut it
  if (source == nullptr) return Errno::fault;
  const Move move{from, to, old_length, new_length, request.keep_source};
  return move_or_view(mm, *source, move, std::move(charge));
}

}  // namespace

namespace {

Result<UserAddr> remap_locked(Mm& mm, const RemapRequest& request) REQUIRES(mm.mmap_lock) {
  UserAddr from = request.old_address;
  if (!from.is_page_aligned()) return Errno::inval;
  uint64_t old_length = page_ceil(request.old_length);
  uint64_t new_length = page_ceil(request.new_length);
  if (new_length == 0 || (request.fixed && !request.may_move)) return Errno::inval;
  if (request.keep_source && (!request.may_move || old_length != new_length)) return Errno::inval;
  if (!arch::is_user_range(from, old_length) || new_length > arch::kUserTop) return Errno::inval;
  const Vma* vma = mm.mappings.find(from);
  if (vma == nullptr) return Errno::fault;
  if (vma->flags & kVmHugeTlb) TRY(check_pool_remap(request, old_length, new_length));
  if (from + old_length > vma->end) return Errno::fault;
  if (old_length == 0 && vma->is_private()) return Errno::inval;
  if (request.fixed) return remap_to(mm, *vma, request, old_length, new_length);
  if (new_length < old_length) TRY(remove_mappings(mm, from + new_length, from + old_length));
  if (new_length <= old_length && !request.keep_source) return from;

  uint64_t more = (new_length - (request.keep_source ? 0 : old_length)) >> kPageShift;
  CommitCharge charge = TRY(check_growth(mm, *vma, more));
  UserAddr end = from + new_length;
  const bool may_grow_here = !request.keep_source && old_length != 0;
  if (may_grow_here && from + old_length == vma->end && arch::is_user_range(from, new_length) &&
      is_range_free(mm, vma->end, end)) {
    Vma& grown = *TRY(own_mapping(mm, *vma));
    account_pages(mm, grown.flags, static_cast<int64_t>(more));
    mm.committed.add(std::move(charge));
    resize_mapping(mm, grown, from, end);
    merge_with_neighbours(mm, grown);
    return from;
  }
  if (!request.may_move) return Errno::nomem;
  UserAddr to = TRY(find_free_range(mm, new_length, false));  // never for pages of the pool
  const Move move{from, to, old_length, new_length, request.keep_source};
  return move_or_view(mm, *vma, move, std::move(charge));
}

// What a request for file pages asks to be mapped, if the range shows one object, shared: EINVAL.
Result<MapRequest> request_for_file_pages(Mm& mm, UserAddr start, uint64_t length)
    REQUIRES_SHARED(mm.mmap_lock) {
  const Vma* vma = mm.mappings.find(start);
  if (vma == nullptr || !vma->object || vma->is_private()) return Errno::inval;
  const uint32_t flags = vma->flags;
  for (const Vma* last = vma; last->end < start + length;) {
    const Vma* next = mm.mappings.next(*last);
    if (next == nullptr || next->start != last->end || next->object != vma->object ||
        next->flags != flags) {
      return Errno::inval;
    }
    last = next;
  }
  return MapRequest{.address = start,
                    .length = length,
                    .flags = flags & ~kVmAnyLock,
                    .object = vma->object,
                    .name = vma->name,
                    .fixed = true};
}

}  // namespace

Result<UserAddr> do_mremap(Mm& mm, const RemapRequest& request) {
  UserAddr to;
  bool populate;
  {
    WriteGuard guard(mm.mmap_lock);
    to = TRY(remap_locked(mm, request));
    const Vma* vma = mm.mappings.find(to);
    populate = (vma->flags & kVmAnyLock) == kVmLocked;
  }
  const uint64_t old_length = page_ceil(request.old_length);
  const uint64_t new_length = page_ceil(request.new_length);
  // As with mmap, that the pages of locked memory cannot be had is not a failure.
  if (populate && new_length > old_length) {
    (void)populate_pages(mm, to + old_length, to + new_length);
  }
  return to;
}

Result<void> do_remap_file_pages(Mm& mm, UserAddr start, uint64_t length, uint64_t object_page,
                                 bool populate) {
  if (length == 0 || !arch::is_user_range(start, length)) return Errno::inval;
  if (object_page + (length >> kPageShift) < object_page) return Errno::inval;
  MapRequest request;
  {
    ReadGuard guard(mm.mmap_lock);
    request = TRY(request_for_file_pages(mm, start, length));
  }
  request.object_page = object_page;
  request.populate = populate;
  TRY(do_mmap(mm, std::move(request)));
  return {};
}

}  // namespace tine::mm
