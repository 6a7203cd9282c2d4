// SPDX-License-Identifier: MIT
//
// mmap, munmap, mprotect and brk on an address space, with Linux's checks and errors.
//
// Each takes the Mm's mmap_lock exclusively. What fails leaves the mappings as they were, but for
// mprotect, which like Linux's keeps what it had done before it met a hole or a refusal, and for
// MAP_FIXED, which may have unmapped its range (mmap(2)).
#include <algorithm>

#include "arch/user_access.h"
#include "mm/huge_object.h"
#include "mm/huge_tlb.h"
#include "mm/mm_internal.h"
#include "mm/populate.h"
#include "mm/ready_tables.h"
#include "mm/task_hooks.h"
#include "mm/unmap.h"

namespace tine::mm {
namespace {

bool is_user_range(UserAddr start, uint64_t length) {
  return length <= arch::kUserTop && start.value <= arch::kUserTop - length;
}

Result<void> check_locked_limit(Mm& mm, uint32_t flags, uint64_t pages) REQUIRES(mm.mmap_lock) {
  if (!(flags & kVmLocked) || may_exceed_locked_limit()) return {};
  if (mm.locked_vm + pages > memory_limit(MemoryLimit::locked) >> kPageShift) return Errno::again;
  return {};
}

// Where the mapping goes; with `fixed`, after all checks that need no unmapping.
Result<UserAddr> choose_place(Mm& mm, const MapRequest& request, uint64_t length)
    REQUIRES(mm.mmap_lock) {
  if (request.fixed || request.fixed_noreplace) {
    if (!request.address.is_page_aligned()) return Errno::inval;
    if (!is_user_range(request.address, length)) return Errno::nomem;
    if (request.address.value < kMinMapAddress) return Errno::perm;
    if (request.fixed_noreplace && !is_range_free(mm, request.address, request.address + length)) {
      return Errno::exist;
    }
    return request.address;
  }
  UserAddr hint = request.address.page_floor();
  if (hint.value != 0 && !request.below_4g) {
    hint = std::max(hint, UserAddr(kMinMapAddress));
    if (is_user_range(hint, length) && is_range_free(mm, hint, hint + length)) return hint;
  }
  if (request.object && hint.value == 0) [[unlikely]] {
    if (auto place = place_for_ready_tables(mm, request, length)) return *place;
  }
  return find_free_range(mm, length, request.below_4g);
}

// The same for pages of the pool, which begin at a border of theirs.
[[gnu::noinline]] Result<UserAddr> choose_pool_place(Mm& mm, const MapRequest& request,
                                                     uint64_t length) REQUIRES(mm.mmap_lock) {
  if (!is_huge_aligned(length | request.object_page << kPageShift)) return Errno::inval;
  if (request.fixed || request.fixed_noreplace) {
    if (!is_huge_aligned(request.address.value)) return Errno::inval;
    return choose_place(mm, request, length);
  }
  const UserAddr hint(huge_page_ceil(request.address.value));
  if (hint.value >= kMinMapAddress && is_user_range(hint, length) &&
      is_range_free(mm, hint, hint + length)) {
    return hint;
  }
  const uint64_t slack = kHugePageSize - kPageSize;
  const UserAddr found = TRY(find_free_range(mm, length + slack, request.below_4g));
  return UserAddr((found + slack).value & ~(kHugePageSize - 1));
}

// What of the range is mapped now, in pages.
struct MappedPages {
  uint64_t all = 0, committed = 0;
};
MappedPages mapped_pages(Mm& mm, UserAddr start, UserAddr end) REQUIRES(mm.mmap_lock) {
  MappedPages mapped;
  for (const Vma* vma = mm.mappings.first_ending_after(start); vma != nullptr && vma->start < end;
       vma = mm.mappings.next(*vma)) {
    uint64_t pages = (std::min(end, vma->end) - std::max(start, vma->start)) >> kPageShift;
    mapped.all += pages;
    if (vma->flags & kVmAccount) mapped.committed += pages;
  }
  return mapped;
}

// A mapping of pages of the pool, for which nothing but the range has to be had any more.
[[gnu::noinline]] Result<UserAddr> map_pool_pages(Mm& mm, UserAddr start, UserAddr end,
                                                  MapRequest& request) REQUIRES(mm.mmap_lock) {
  TRY(reserve_pool_pages(mm, request, end - start));
  const uint32_t flags = request.flags;
  const uint64_t end_in_object = (request.object_page << kPageShift) + (end - start);
  const Ref<MemoryObject> object = request.object;
  Result<void> inserted = insert_mapping(mm, start, end, request);
  if (!inserted) {
    if (flags & kVmHugeReserved) forget_pool_pages(mm, start, end);
    return inserted.error();
  }
  // What may be written through it belongs to the file from now on, as with Linux.
  if (object && (flags & kVmWrite)) static_cast<HugeObject&>(*object).extend_to(end_in_object);
  account_pages(mm, flags, static_cast<int64_t>((end - start) >> kPageShift));
  return start;
}

Result<UserAddr> map_locked(Mm& mm, MapRequest& request, uint64_t length) REQUIRES(mm.mmap_lock) {
  const bool is_pool = request.flags & kVmHugeTlb;
  UserAddr start =
      TRY(is_pool ? choose_pool_place(mm, request, length) : choose_place(mm, request, length));
  UserAddr end = start + length;
  if (!is_pool) request.flags |= mm.default_flags;
  if (is_accountable(request.flags)) request.flags |= kVmAccount;
  uint64_t pages = length >> kPageShift;
  if (has_all_mappings(mm)) return Errno::nomem;
  const MappedPages replaced = request.fixed ? mapped_pages(mm, start, end) : MappedPages();
  TRY(may_expand(mm, request.flags, pages - replaced.all));
  TRY(check_locked_limit(mm, request.flags, pages));
  CommitCharge charge = TRY(charge_pages(mm, request.flags, pages, replaced.committed));
  if (replaced.all != 0) TRY(remove_mappings(mm, start, end));
  if (is_pool) [[unlikely]]
    return map_pool_pages(mm, start, end, request);
  const uint32_t flags = request.flags;
  MemoryObject* const object = request.object.get();
  TRY(insert_mapping(mm, start, end, request));
  account_pages(mm, flags, static_cast<int64_t>(pages));
  mm.committed.add(std::move(charge));
  if (object != nullptr && (flags & (kVmWrite | kVmShared)) == kVmWrite) {
    share_ready_tables(mm, start, *object);
  }
  return start;
}

// The rights of one mapping inside [start, end).
Result<void> protect_mapping(Mm& mm, const Vma& vma, UserAddr start, UserAddr end, uint32_t rights)
    REQUIRES(mm.mmap_lock) {
  uint32_t wanted = (vma.flags & ~kVmAccess) | rights;
  if (wanted == vma.flags) return {};
  uint32_t may = (vma.flags / kVmMayRead) & kVmAccess;  // kVmMay* are kVm* shifted
  if (rights & ~may) return Errno::acces;
  uint64_t pages = (std::min(end, vma.end) - std::max(start, vma.start)) >> kPageShift;
  bool becomes_data = (wanted & (kVmWrite | kVmShared | kVmStack)) == kVmWrite && !vma.is_data();
  if (becomes_data && mm.data_vm + pages > memory_limit(MemoryLimit::data) >> kPageShift) {
    return Errno::nomem;
  }
  CommitCharge charge;
  if (is_accountable(wanted) && !(wanted & kVmAccount)) {
    wanted |= kVmAccount;  // and stays, whatever becomes of its rights
    charge = TRY(charge_pages(mm, wanted, pages));
  }
  Vma* inner = TRY(isolate_range(mm, vma, start, end));
  if (auto owned = own_pages(mm, inner->start, inner->end); !owned) {
    merge_with_neighbours(mm, *inner);
    return owned.error();
  }
  account_pages(mm, inner->flags, -static_cast<int64_t>(pages));
  account_pages(mm, wanted, static_cast<int64_t>(pages));
  mm.committed.add(std::move(charge));
  mm.mappings.set_flags(*inner, wanted);
  protect_pages(mm, inner->start, inner->end, wanted);
  merge_with_neighbours(mm, *inner);
  return {};
}
static_assert(kVmMayRead / kVmRead == kVmMayWrite / kVmWrite &&
              kVmMayRead / kVmRead == kVmMayExec / kVmExec);

// Maps [start, end), which is free, as more heap.
Result<void> extend_heap(Mm& mm, UserAddr start, UserAddr end) REQUIRES(mm.mmap_lock) {
  const uint32_t flags = kVmRead | kVmWrite | kVmMayAll | kVmAccount | mm.default_flags;
  uint64_t pages = (end - start) >> kPageShift;
  TRY(may_expand(mm, flags, pages));
  if (has_all_mappings(mm)) return Errno::nomem;
  TRY(check_locked_limit(mm, flags, pages));
  CommitCharge charge = TRY(charge_pages(mm, flags, pages));
  MapRequest request{.flags = flags};
  TRY(insert_mapping(mm, start, end, request));
  account_pages(mm, flags, static_cast<int64_t>(pages));
  mm.committed.add(std::move(charge));
  return {};
}

}  // namespace

Result<UserAddr> do_mmap(Mm& mm, MapRequest request) {
  if (request.length == 0) return Errno::inval;
  uint64_t length = page_ceil(request.length);
  if (length == 0 || length > arch::kUserTop) return Errno::nomem;
  if (request.object_page + (length >> kPageShift) < request.object_page) return Errno::overflow;
  bool populate = request.populate;
  UserAddr start;
  {
    WriteGuard guard(mm.mmap_lock);
    start = TRY(map_locked(mm, request, length));
    populate = (populate && !(mm.default_flags & kVmLockOnFault)) ||
               (mm.default_flags & kVmAnyLock) == kVmLocked;
  }
  // A failure to bring pages in is not one of mmap (mmap(2), MAP_POPULATE).
  if (populate) (void)populate_pages(mm, start, start + length);
  return start;
}

Result<void> do_munmap(Mm& mm, UserAddr start, uint64_t length) {
  if (!start.is_page_aligned() || length == 0) return Errno::inval;
  if (length > arch::kUserTop || !is_user_range(start, page_ceil(length))) return Errno::inval;
  WriteGuard guard(mm.mmap_lock);
  return remove_mappings(mm, start, start + page_ceil(length));
}

Result<void> do_mprotect(Mm& mm, UserAddr start, uint64_t length, uint32_t rights, Grows grows) {
  if (!start.is_page_aligned()) return Errno::inval;
  if (length == 0) return {};
  length = page_ceil(length);
  if (length == 0 || !is_user_range(start, length)) return Errno::nomem;
  UserAddr end = start + length;
  WriteGuard guard(mm.mmap_lock);
  if (grows != Grows::no) {
    const Vma* vma = mm.mappings.first_ending_after(start);
    if (vma == nullptr || vma->start >= end) return Errno::nomem;
    if (grows == Grows::up || !(vma->flags & kVmGrowsDown)) return Errno::inval;
    start = vma->start;
  }
  for (UserAddr at = start; at < end;) {
    const Vma* vma = mm.mappings.find(at);
    if (vma == nullptr) return Errno::nomem;
    UserAddr done = std::min(end, vma->end);
    TRY(protect_mapping(mm, *vma, at, done, rights));
    at = done;
  }
  return {};
}

UserAddr do_brk(Mm& mm, UserAddr new_end) {
  WriteGuard guard(mm.mmap_lock);
  if (new_end < mm.start_brk || !is_user_range(new_end, kPageSize)) return mm.brk;
  UserAddr old_top = mm.brk.page_ceil();
  UserAddr new_top = new_end.page_ceil();
  if (new_top < old_top) {
    if (!remove_mappings(mm, new_top, old_top)) return mm.brk;
  } else if (new_top > old_top) {
    uint64_t data_bytes = (new_end - mm.start_brk) + (mm.end_data - mm.start_data);
    if (data_bytes > memory_limit(MemoryLimit::data)) return mm.brk;
    // A page stays free between the heap and what lies above it.
    if (!is_range_free(mm, old_top, new_top + kPageSize)) return mm.brk;
    if (!extend_heap(mm, old_top, new_top)) return mm.brk;
  }
  mm.brk = new_end;
  return mm.brk;
}

Result<UserAddr> find_place(Mm& mm, const MapRequest& request) {
  WriteGuard guard(mm.mmap_lock);
  return choose_place(mm, request, request.length);
}

Result<void> map_special(Mm& mm, UserAddr start, std::span<Frame* const> frames, uint32_t flags,
                         Ref<MapName> name) {
  WriteGuard guard(mm.mmap_lock);
  UserAddr end = start + frames.size() * kPageSize;
  if (!is_user_range(start, end - start) || !is_range_free(mm, start, end)) return Errno::nomem;
  MapRequest request{.flags = flags | kVmSpecial | kVmDontExpand, .name = std::move(name)};
  TRY(insert_mapping(mm, start, end, request));
  account_pages(mm, flags | kVmSpecial, static_cast<int64_t>(frames.size()));
  SpinGuard table_guard(mm.page_table_lock);
  UserAddr at = start;
  for (Frame* frame : frames) {
    LeafTable leaf = mm.page_table.make(at);
    if (!leaf) return Errno::nomem;  // the caller's exec fails, and the mappings with it
    leaf.insert(LeafTable::index_of(at),
                arch::Pte::page(frame_address(*frame), entry_flags(flags)));
    at += kPageSize;
  }
  return {};
}

}  // namespace tine::mm
