// SPDX-License-Identifier: MIT
//
// Page faults: demand-zero memory, copy-on-write with re-use by the last owner (A33), pages of
// objects with their cached neighbours, and stacks that grow. Huge pages: mm/huge_page.cpp.
//
// A fault holds the Mm's mmap_lock shared, so mappings stand still, and takes the page_table_lock
// to look at the entry and again to install one; if another thread was faster, the access is simply
// repeated. Only a growing stack takes the mmap_lock exclusively. Frames are owned by FrameRefs
// until their entry is installed. Memory running out kills a process, never the kernel.
#include "mm/fault.h"

#include <algorithm>

#include "arch/user_access.h"
#include "mm/fault_internal.h"
#include "mm/huge_page.h"
#include "mm/mm_internal.h"
#include "mm/task_hooks.h"
#include "mm/tlb.h"
#include "mm/unmap.h"
#include "mm/zeroed_frames.h"
#include "sched/schedulable.h"

namespace tine::mm {
namespace {

using arch::Pte;

constexpr int kSigBus = 7, kSigSegv = 11;
constexpr int kSegvMapErr = 1, kSegvAccErr = 2, kBusAdrErr = 2;
constexpr unsigned kFaultAroundPages = 16;
constexpr unsigned kCachedPages = 64;  // mapped in one go

enum class Step : uint8_t { done, bus_error, no_memory };

// Puts `entry` where none is; the frame's reference goes to the entry. False: there is one already,
// or (no_memory) no table can be had; the caller then still owns the reference.
inline Step install(Mm& mm, UserAddr at, Pte entry, FrameRef& frame, RssKind kind) {
  SpinGuard guard(mm.page_table_lock);
  LeafTable leaf = mm.page_table.make(at);
  if (!leaf) return Step::no_memory;
  unsigned index = LeafTable::index_of(at);
  if (!is_empty(leaf.get(index))) return Step::done;
  leaf.insert(index, entry);
  mm.add_rss(kind, 1);
  (void)frame.leak();
  return Step::done;
}

Step fault_anonymous(Mm& mm, const Vma& vma, UserAddr at, bool write) {
  if (!write) {
    SpinGuard guard(mm.page_table_lock);
    LeafTable leaf = mm.page_table.make(at);
    if (!leaf) return Step::no_memory;
    unsigned index = LeafTable::index_of(at);
    if (is_empty(leaf.get(index))) leaf.insert(index, readable_page(*zero_frame, vma.flags));
    return Step::done;
  }
  FrameRef frame = FrameRef::adopt(take_zeroed_frame(FrameKind::anonymous));
  if (!frame) [[unlikely]]
    return Step::no_memory;
  return install(mm, at, writable_page(*frame, vma.flags), frame, RssKind::anonymous);
}

// The entry is there, but does not allow the write that the mapping allows.
Step fault_write_protected(Mm& mm, const Vma& vma, UserAddr at) {
  SpinGuard guard(mm.page_table_lock);
  LeafTable leaf = mm.page_table.change(at);
  if (!leaf) [[unlikely]]  // there was no memory to make it ours, or somebody has unmapped it
    return is_empty(mm.page_table.effective_entry(at)) ? Step::done : Step::no_memory;
  unsigned index = LeafTable::index_of(at);
  Pte entry = leaf.get(index);
  if (!entry.is_present() || entry.is_writable()) return Step::done;
  Frame& old_frame = frame_at(entry.address());
  bool is_anonymous = old_frame.kind == FrameKind::anonymous;
  bool is_last_owner = is_anonymous && old_frame.count.load(std::memory_order_acquire) == 1;
  if (is_last_owner || !vma.is_private()) {
    leaf.replace(index, entry.with_write().with_dirty());
    arch::flush_tlb_page(at.value);  // another CPU that has the old entry faults and comes here
    return Step::done;
  }
  const bool was_zero = &old_frame == zero_frame;
  Frame* copy =
      was_zero ? take_zeroed_frame(FrameKind::anonymous) : take_frame(FrameKind::anonymous);
  if (copy == nullptr) return Step::no_memory;
  if (!was_zero) arch::copy_page(frame_data(*copy), frame_data(old_frame));
  leaf.replace(index, writable_page(*copy, vma.flags));
  flush_tlb_range(mm, at, at + kPageSize);
  if (!is_anonymous) mm.add_rss(RssKind::anonymous, 1);
  if (is_counted(old_frame)) {
    if (!is_anonymous) mm.add_rss(rss_kind(old_frame), -1);
    put_frame(old_frame);
  }
  return Step::done;
}

// Whether truncation took the page away since the object gave it to us; page_table_lock held.
bool is_truncated(const Frame& frame, const MemoryObject* object) {
  return frame.kind == FrameKind::cache && frame.object != object;
}

}  // namespace

void map_object_pages(Mm& mm, const Vma& vma, UserAddr start, std::span<Frame* const> frames) {
  const arch::PteFlags flags = object_page_flags(vma);
  MemoryObject* const object = vma.object.get();
  const Frame* last = nullptr;  // of those mapped: an object's pages all count alike
  int64_t count = 0;
  RssDelta mapped;
  DetachedTables unused;
  SpinGuard guard(mm.page_table_lock);
  LeafTable leaf = mm.page_table.make(start);
  unsigned index = LeafTable::index_of(start);
  for (Frame* frame : frames) {
    const unsigned at = index++;
    if (frame == nullptr) continue;
    if (!leaf || !is_empty(leaf.get(at)) || is_truncated(*frame, object)) {
      put_frame(*frame);
      continue;
    }
    leaf.insert(at, Pte::page(frame_address(*frame), flags));
    last = frame;
    ++count;
  }
  if (last != nullptr) mapped.count(*last, count);
  mapped.add_to(mm);
  if (leaf && leaf.entries_in_use() == 0) {  // no page had been left to be mapped
    mm.page_table.detach_if_empty(start, unused);
    // The links may have been walked speculatively.
    flush_tlb_tables(mm, start, start + frames.size() * kPageSize);
  }
}

namespace {

// Maps pages of the object that are in memory anyway at [start, end), which lies in one table.
void map_cached(Mm& mm, const Vma& vma, UserAddr start, UserAddr end) {
  Frame* frames[kCachedPages];
  const std::span<Frame*> found(frames, (end - start) >> kPageShift);
  vma.object->get_cached_pages(vma.page_of(start), found);
  [[clang::always_inline]] map_object_pages(mm, vma, start, found);  // most of an exec's faults
}

// Maps the neighbours of the page at `at`, within its table.
void map_neighbours(Mm& mm, const Vma& vma, UserAddr at) {
  constexpr uint64_t kWindow = kFaultAroundPages * kPageSize;
  const UserAddr window(at.value & ~(kWindow - 1));
  const UserAddr start = std::max(vma.start, window);
  const UserAddr end = std::min(vma.end, window + kWindow);
  if (end - start > kPageSize) map_cached(mm, vma, start, end);
}

Step install_object_page(Mm& mm, const Vma& vma, UserAddr at, Pte entry, FrameRef& page) {
  SpinGuard guard(mm.page_table_lock);
  if (is_truncated(*page, vma.object.get()))
    return Step::done;  // the repeated access will find out
  LeafTable leaf = mm.page_table.make(at);
  if (!leaf) return Step::no_memory;
  unsigned index = LeafTable::index_of(at);
  if (!is_empty(leaf.get(index))) return Step::done;
  leaf.insert(index, entry);
  if (is_counted(*page)) {
    mm.add_rss(rss_kind(*page), 1);
    (void)page.leak();
  }
  return Step::done;
}

Step fault_object(Mm& mm, const Vma& vma, UserAddr at, bool write) {
  Result<FrameRef> got = vma.object->get_page(vma.page_of(at), writes_to_object(vma));
  if (!got) return got.error() == Errno::nomem ? Step::no_memory : Step::bus_error;
  FrameRef page = std::move(*got);
  if (write && vma.is_private()) {
    FrameRef copy = FrameRef::adopt(take_frame(FrameKind::anonymous));
    if (!copy) return Step::no_memory;
    arch::copy_page(frame_data(*copy), frame_data(*page));
    return install(mm, at, writable_page(*copy, vma.flags), copy, RssKind::anonymous);
  }
  Pte entry = Pte::page(frame_address(*page), object_page_flags(vma));
  Step step = install_object_page(mm, vma, at, entry, page);
  if (step == Step::done) map_neighbours(mm, vma, at);
  return step;
}

Step fault_in(Mm& mm, const Vma& vma, UserAddr at, bool write) REQUIRES_SHARED(mm.mmap_lock) {
  bool is_mapped = false, has_table = false;
  {
    SpinGuard guard(mm.page_table_lock);
    auto look = [&](LeafTable leaf) {
      if (!leaf) return false;
      has_table = true;
      is_mapped = !is_empty(leaf.get(LeafTable::index_of(at)));
      return true;
    };
    if (!look(mm.page_table.find(at)) && mm.page_table.is_folded()) {  // it has slept
      if (!mm.page_table.unfold()) return Step::no_memory;
      look(mm.page_table.find(at));
    }
  }
  if (!has_table) [[unlikely]] {
    HugeFault outcome = fault_huge(mm, vma, at, write);
    if (outcome == HugeFault::done) return Step::done;
    if (outcome == HugeFault::bus_error) return Step::bus_error;
    if (outcome == HugeFault::no_memory) return Step::no_memory;
    is_mapped = outcome == HugeFault::shared;
  }
  if (is_mapped) return write ? fault_write_protected(mm, vma, at) : Step::done;
  if (vma.flags & kVmSpecial) return Step::bus_error;
  return vma.object ? fault_object(mm, vma, at, write) : fault_anonymous(mm, vma, at, write);
}

bool allows(const Vma& vma, FaultAccess access) {
  if (access.write) return vma.flags & kVmWrite;
  if (access.execute) return vma.flags & kVmExec;
  return vma.flags & kVmAccess;  // no processor here can withhold reading alone
}

// Extends the stack that lies above `address` down to it.
bool grow_stack(Mm& mm, UserAddr address) {
  WriteGuard guard(mm.mmap_lock);
  const Vma* vma = mm.mappings.first_ending_after(address);
  if (vma == nullptr || !(vma->flags & kVmGrowsDown)) return false;
  UserAddr start = address.page_floor();
  if (start >= vma->start) return true;  // another thread was faster
  if (start.value < kMinMapAddress) return false;
  if (vma->end - start > memory_limit(MemoryLimit::stack)) return false;
  const Vma* below = mm.mappings.previous(*vma);
  if (below != nullptr && (below->flags & kVmAccess) && !(below->flags & kVmGrowsDown) &&
      start - below->end < kStackGuardGap) {
    return false;
  }
  if (below != nullptr && below->end > start) return false;
  uint64_t pages = (vma->start - start) >> kPageShift;
  if (vma->object && vma->object_page < pages) return false;
  if (!may_expand(mm, vma->flags, pages)) return false;
  Result<CommitCharge> charge = charge_pages(mm, vma->flags, pages);
  if (!charge) return false;
  Result<Vma*> grown = own_mapping(mm, *vma);
  if (!grown) return false;
  account_pages(mm, (*grown)->flags, static_cast<int64_t>(pages));
  mm.committed.add(std::move(*charge));
  resize_mapping(mm, **grown, start, (*grown)->end);
  return true;
}

constexpr FaultResult kHandled{FaultOutcome::handled, {}};
FaultResult signal_result(int number, int code) { return {FaultOutcome::signal, {number, code}}; }

// What is there to be done when nothing is left: free caches, else kill.
FaultResult out_of_memory(Mm& mm) {
  if (reclaim_frames() != 0 || oom_kill(mm)) return kHandled;  // the access is repeated
  return {FaultOutcome::out_of_memory, {}};
}

// Outcome `signal` with number 0: the address is not in a mapping, and a stack may grow to it.
constexpr FaultResult kNoMapping{FaultOutcome::signal, {}};

FaultResult try_fault(Mm& mm, UserAddr address, FaultAccess access) {
  Step step;
  {
    ReadGuard guard(mm.mmap_lock);
    const Vma* vma = mm.mappings.find(address);
    if (vma == nullptr) return kNoMapping;
    if (!allows(*vma, access)) return signal_result(kSigSegv, kSegvAccErr);
    step = fault_in(mm, *vma, address.page_floor(), access.write);
  }
  if (step == Step::done) [[likely]]
    return kHandled;
  if (step == Step::bus_error) return signal_result(kSigBus, kBusAdrErr);
  return out_of_memory(mm);
}

}  // namespace

void map_cached_pages(Mm& mm, UserAddr start, UserAddr end) {
  constexpr uint64_t kStretch = kCachedPages * kPageSize;
  static_assert(kLeafBytes % kStretch == 0);
  ReadGuard guard(mm.mmap_lock);
  const Vma* vma = mm.mappings.find(start);
  if (vma == nullptr || !vma->object || !(vma->flags & kVmAccess)) return;
  end = std::min(end, vma->end);
  while (start < end) {
    const UserAddr stop = std::min(end, UserAddr((start.value & ~(kStretch - 1)) + kStretch));
    map_cached(mm, *vma, start, stop);
    start = stop;
  }
}

FaultResult handle_page_fault(Mm& mm, UserAddr address, FaultAccess access) {
  ++arch::current_schedulable()->minor_faults;
  if (address.value >= arch::kUserTop) return signal_result(kSigSegv, kSegvMapErr);
  for (;;) {
    FaultResult result = try_fault(mm, address, access);
    if (result.outcome != FaultOutcome::signal || result.signal.signal_number != 0) return result;
    if (!grow_stack(mm, address)) return signal_result(kSigSegv, kSegvMapErr);
  }
}

}  // namespace tine::mm
