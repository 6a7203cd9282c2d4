// SPDX-License-Identifier: MIT
//
// madvise, mlock, mincore and msync. See advice.h.
//
// Marks are flags of mappings, so a change may cut and join mappings (ENOMEM). Like Linux, a call
// that meets a hole does its work on the rest and then fails with ENOMEM.
#include "mm/advice.h"

#include <algorithm>

#include "arch/user_access.h"
#include "mm/huge_tlb.h"
#include "mm/mm_internal.h"
#include "mm/populate.h"
#include "mm/task_hooks.h"
#include "mm/unmap.h"

namespace tine::mm {
namespace {

enum Advice : int {
  kNormal = 0,
  kRandom = 1,
  kSequential = 2,
  kWillNeed = 3,
  kDontNeed = 4,
  kFree = 8,
  kRemove = 9,
  kDontFork = 10,
  kDoFork = 11,
  kHugePage = 14,
  kNoHugePage = 15,
  kDontDump = 16,
  kDoDump = 17,
  kWipeOnFork = 18,
  kKeepOnFork = 19,
  kCold = 20,
  kPageOut = 21,
  kPopulateRead = 22,
  kPopulateWrite = 23,
  kCollapse = 25,
};

struct FlagChange {
  uint32_t set, clear;
};

// Calls act(vma, from, to) for what each mapping has in common with the range. ENOMEM: a hole.
template <class Act>
Result<void> for_each_mapping(Mm& mm, UserAddr start, UserAddr end, Act&& act)
    REQUIRES(mm.mmap_lock) {
  bool hole = false;
  UserAddr at = start;
  while (at < end) {
    const Vma* vma = mm.mappings.first_ending_after(at);
    hole |= vma == nullptr || vma->start > at;
    if (vma == nullptr || vma->start >= end) break;
    at = std::max(at, vma->start);
    UserAddr stop = std::min(end, vma->end);
    TRY(act(*vma, at, stop));
    at = stop;
  }
  if (hole) return Errno::nomem;
  return {};
}

Result<void> change_flags(Mm& mm, const Vma& vma, UserAddr start, UserAddr end, FlagChange change)
    REQUIRES(mm.mmap_lock) {
  uint32_t wanted = (vma.flags & ~change.clear) | change.set;
  if (wanted == vma.flags) return {};
  Vma* inner = TRY(isolate_range(mm, vma, start, end));
  account_pages(mm, inner->flags, -static_cast<int64_t>(inner->pages()));
  mm.mappings.set_flags(*inner, wanted);
  account_pages(mm, inner->flags, static_cast<int64_t>(inner->pages()));
  merge_with_neighbours(mm, *inner);
  return {};
}

// Pages of the pool are not marked as locked: they stay anyway.
Result<void> change_lock(Mm& mm, const Vma& vma, UserAddr start, UserAddr end, FlagChange change)
    REQUIRES(mm.mmap_lock) {
  if (vma.flags & kVmHugeTlb) return {};
  return change_flags(mm, vma, start, end, change);
}

Result<void> advise_mapping(Mm& mm, const Vma& vma, UserAddr start, UserAddr end, int advice)
    REQUIRES(mm.mmap_lock) {
  auto mark = [&](uint32_t set, uint32_t clear) {
    mm.mmap_lock.assert_held();
    return change_flags(mm, vma, start, end, {set, clear});
  };
  bool is_private_anonymous =
      !vma.object && vma.is_private() && !(vma.flags & (kVmSpecial | kVmHugeTlb));
  switch (advice) {
    case kFree:
      if (!is_private_anonymous) return Errno::inval;
      [[fallthrough]];
    case kDontNeed:
      if (vma.flags & kVmHugeTlb) return discard_pool_pages(mm, vma, start, end);
      if (vma.flags & (kVmLocked | kVmSpecial)) return Errno::inval;
      return unmap_pages(mm, start, end);
    case kRemove:
      if (!vma.object || (vma.flags & kVmLocked)) return Errno::inval;
      if ((vma.flags & (kVmShared | kVmWrite)) != (kVmShared | kVmWrite)) return Errno::acces;
      return vma.object->punch_hole(vma.page_of(start) << kPageShift, end - start);
    case kDontFork:
      return mark(kVmDontFork, 0);
    case kDoFork:
      if (vma.flags & kVmSpecial) return Errno::inval;
      return mark(0, kVmDontFork);
    case kHugePage:
      return mark(kVmHugePage, kVmNoHugePage);
    case kNoHugePage:
      return mark(kVmNoHugePage, kVmHugePage);
    case kCollapse:
      return collapse_pages(mm, vma, start, end);
    case kDontDump:
      return mark(kVmDontDump, 0);
    case kDoDump:
      return mark(0, kVmDontDump);
    case kWipeOnFork:
      if (!is_private_anonymous) return Errno::inval;
      return mark(kVmWipeOnFork, 0);
    case kKeepOnFork:
      return mark(0, kVmWipeOnFork);
    case kCold:
    case kPageOut:
      if (vma.flags & kVmHugeTlb) return Errno::inval;
      return {};
    default:
      return {};  // hints about reading ahead and paging out, of which there is neither
  }
}

bool is_known(int advice) {
  return (advice >= kNormal && advice <= kDontNeed) || (advice >= kFree && advice <= kDoFork) ||
         (advice >= kHugePage && advice <= kPopulateWrite) || advice == kCollapse;
}

// madvise(2): EINVAL says that the mapping does not allow the access.
Result<void> populate_for(Mm& mm, UserAddr start, UserAddr end, PopulateFor access) {
  Result<void> populated = populate_pages(mm, start, end, access);
  return populated || populated.error() != Errno::acces ? populated : Errno::inval;
}

Result<UserAddr> checked_end(UserAddr start, uint64_t length, Errno beyond) {
  uint64_t bytes = page_ceil(length);
  if (bytes < length || !arch::is_user_range(start, bytes)) return beyond;
  return start + bytes;
}

}  // namespace

Result<void> do_madvise(Mm& mm, UserAddr start, uint64_t length, int advice) {
  if (!is_known(advice) || !start.is_page_aligned()) return Errno::inval;
  UserAddr end = TRY(checked_end(start, length, Errno::inval));
  if (start == end) return {};
  if (advice == kPopulateRead || advice == kPopulateWrite) {
    return populate_for(mm, start, end,
                        advice == kPopulateRead ? PopulateFor::read : PopulateFor::write);
  }
  WriteGuard guard(mm.mmap_lock);
  return for_each_mapping(
      mm, start, end, [&](const Vma& vma, UserAddr from, UserAddr to) {
        mm.mmap_lock.assert_held();
        return advise_mapping(mm, vma, from, to, advice);
      });
}

Result<void> do_mlock(Mm& mm, UserAddr start, uint64_t length, bool lock, bool populate) {
  UserAddr from = start.page_floor();
  UserAddr end = TRY(checked_end(from, length + start.page_offset(), Errno::inval));
  {
    WriteGuard guard(mm.mmap_lock);
    if (lock && !may_exceed_locked_limit()) {
      uint64_t limit = memory_limit(MemoryLimit::locked) >> kPageShift;
      if (limit == 0) return Errno::perm;
      uint64_t already = 0;
      (void)for_each_mapping(mm, from, end,
                             [&](const Vma& vma, UserAddr at, UserAddr to) -> Result<void> {
                               if (vma.flags & kVmLocked) already += (to - at) >> kPageShift;
                               return {};
                             });
      if (mm.locked_vm - already + ((end - from) >> kPageShift) > limit) return Errno::nomem;
    }
    FlagChange change{0, kVmAnyLock};
    if (lock) change.set = populate ? kVmLocked : kVmAnyLock;
    TRY(for_each_mapping(mm, from, end,
                         [&](const Vma& vma, UserAddr at, UserAddr to) {
                           mm.mmap_lock.assert_held();
                           return change_lock(mm, vma, at, to, change);
                         }));
  }
  if (!lock || !populate) return {};
  Result<void> populated = populate_pages(mm, from, end);
  if (populated) return {};
  // mlock(2), POSIX: what cannot be had is ENOMEM, what cannot be had now is EAGAIN.
  return populated.error() == Errno::nomem ? Errno::again : Errno::nomem;
}

Result<void> do_mlockall(Mm& mm, MlockAll request) {
  {
    WriteGuard guard(mm.mmap_lock);
    if ((request.current || request.future) && !may_exceed_locked_limit()) {
      uint64_t limit = memory_limit(MemoryLimit::locked) >> kPageShift;
      if (limit == 0) return Errno::perm;
      if (request.current && mm.total_vm > limit) return Errno::nomem;
    }
    const uint32_t locked = request.populate ? kVmLocked : kVmAnyLock;
    mm.default_flags = request.future ? locked : 0;
    if (!request.current && request.future) return {};
    const FlagChange change{request.current ? locked : 0, kVmAnyLock};
    for (const Vma* vma = mm.mappings.first(); vma != nullptr; vma = mm.mappings.next(*vma)) {
      UserAddr last = vma->end;
      if (!(vma->flags & kVmSpecial)) TRY(change_lock(mm, *vma, vma->start, vma->end, change));
      vma = mm.mappings.find(last - 1);  // it may have been joined with a neighbour
    }
  }
  if (!request.current || !request.populate) return {};
  for (UserAddr at{0};;) {
    UserAddr end;
    {
      ReadGuard guard(mm.mmap_lock);
      const Vma* vma = mm.mappings.first_ending_after(at);
      if (vma == nullptr) return {};
      at = vma->start;
      end = vma->end;
    }
    (void)populate_pages(mm, at, end);  // mlockall(2) does not report pages that cannot be had
    at = end;
  }
}

Result<void> do_mincore(Mm& mm, UserAddr start, std::span<uint8_t> out) {
  ReadGuard guard(mm.mmap_lock);
  for (size_t i = 0; i < out.size(); ++i) {
    UserAddr at = start + i * kPageSize;
    const Vma* vma = mm.mappings.find(at);
    if (vma == nullptr) return Errno::nomem;
    Frame* cached[1] = {nullptr};
    {
      SpinGuard table_guard(mm.page_table_lock);
      out[i] = !is_empty(mm.page_table.effective_entry(at));
    }
    if (out[i] || !vma->object) continue;
    vma->object->get_cached_pages(vma->page_of(at), cached);
    if (cached[0] == nullptr) continue;
    out[i] = 1;
    put_frame(*cached[0]);
  }
  return {};
}

Result<void> do_msync(Mm& mm, UserAddr start, uint64_t length, bool invalidate) {
  UserAddr end = TRY(checked_end(start, length, Errno::nomem));
  WriteGuard guard(mm.mmap_lock);
  // Files are memory: a shared mapping and read(2) see the same pages, and nothing is to be
  // written.
  return for_each_mapping(mm, start, end, [&](const Vma& vma, UserAddr, UserAddr) -> Result<void> {
    if (invalidate && (vma.flags & kVmLocked)) return Errno::busy;
    return {};
  });
}

}  // namespace tine::mm
