// SPDX-License-Identifier: MIT
//
// Populating: pages are brought in by batches, each within one leaf table. A batch's frames are
// taken and cleared, or asked of the object, before the page_table_lock is taken once to install
// them all. What a batch cannot do (the first page of a table, which may become a huge one; a copy
// for the writer of a page that is there) is left to an ordinary fault, as is every failure.
//
// The mmap_lock is held shared for a batch at a time, so that a long populate does not keep others
// from mapping. Pages that somebody else brings in meanwhile are found there.
#include "mm/populate.h"

#include <algorithm>
#include <bit>

#include "arch/cpu.h"
#include "mm/fault.h"
#include "mm/fault_internal.h"
#include "sched/schedulable.h"

namespace tine::mm {
namespace {

using arch::Pte;

constexpr unsigned kBatchPages = 64;

// Up to 64 pages of a mapping, in one leaf table; page i is bit i of a set.
struct Batch {
  UserAddr start;
  unsigned pages;
  bool write;

  uint64_t all() const { return ~uint64_t{0} >> (kBatchPages - pages); }
  UserAddr at(unsigned page) const { return start + (uint64_t{page} << kPageShift); }
  UserAddr end() const { return at(pages); }
};

template <class Act>
void for_each_page(uint64_t set, Act&& act) {
  for (; set != 0; set &= set - 1) act(static_cast<unsigned>(std::countr_zero(set)));
}

struct Missing {
  uint64_t empty = 0;
  uint64_t forbidden = 0;  // there, but the access would fault
  bool has_table = true;

  uint64_t all() const { return empty | forbidden; }
};

Missing find_missing(Mm& mm, const Batch& batch) {
  SpinGuard guard(mm.page_table_lock);
  auto suffices = [&](Pte entry) {
    return entry.is_present() && (!batch.write || entry.is_writable());
  };
  const LeafTable leaf = mm.page_table.find(batch.start);
  if (!leaf) {  // nothing, or a huge page
    if (suffices(mm.page_table.effective_entry(batch.start))) return {};
    return {.empty = batch.all(), .has_table = false};
  }
  const bool is_ours = !mm.page_table.needs_own(batch.start);
  Missing missing;
  for (unsigned i = 0; i < batch.pages; ++i) {
    const Pte entry = leaf.get(LeafTable::index_of(batch.start) + i);
    if (is_empty(entry)) {
      missing.empty |= uint64_t{1} << i;
    } else if (!suffices(is_ours ? entry : entry.without_write())) {
      missing.forbidden |= uint64_t{1} << i;
    }
  }
  return missing;
}

// Zeros for the pages of `empty`: of their own for a write, else the page of zeros that all show.
void map_zeros(Mm& mm, const Vma& vma, const Batch& batch, uint64_t empty) {
  Frame* frames[kBatchPages];
  unsigned taken = 0, used = 0;
  if (batch.write) {
    const auto wanted = static_cast<unsigned>(std::popcount(empty));
    taken = take_single_frames(FrameKind::anonymous, {frames, wanted});
    for (unsigned i = 0; i < taken; ++i) arch::clear_page(frame_data(*frames[i]));
  }
  {
    SpinGuard guard(mm.page_table_lock);
    LeafTable leaf = mm.page_table.change(batch.start);
    for_each_page(leaf ? empty : 0, [&](unsigned page) {
      const unsigned index = LeafTable::index_of(batch.at(page));
      if (!is_empty(leaf.get(index)) || (batch.write && used == taken)) return;
      leaf.insert(index, batch.write ? writable_page(*frames[used++], vma.flags)
                                     : readable_page(*zero_frame, vma.flags));
    });
    if (used != 0) mm.add_rss(RssKind::anonymous, used);
  }
  while (taken > used) put_frame(*frames[--taken]);
}

// Pages of the object for those of `empty`, made or read where need be, up to one that fails.
void map_object(Mm& mm, const Vma& vma, const Batch& batch, uint64_t empty) {
  Frame* frames[kBatchPages];
  const std::span<Frame*> found(frames, batch.pages);
  vma.object->get_cached_pages(vma.page_of(batch.start), found);
  bool has_failed = false;
  for_each_page(empty, [&](unsigned page) {
    if (found[page] != nullptr || has_failed) return;
    Result<FrameRef> got = vma.object->get_page(vma.page_of(batch.at(page)), writes_to_object(vma));
    has_failed = !got;
    if (got) found[page] = got->leak();
  });
  map_object_pages(mm, vma, batch.start, found);
}

// Brings in what needs no fault; gives the pages that do. Without a table the batch becomes one
// page.
uint64_t populate_batch(Mm& mm, const Vma& vma, Batch& batch) REQUIRES_SHARED(mm.mmap_lock) {
  Missing missing = find_missing(mm, batch);
  if (!missing.has_table) {
    batch.pages = 1;
    return batch.all();
  }
  const bool wants_copies = vma.object && vma.is_private() && batch.write;
  if (missing.empty == 0 || wants_copies || (vma.flags & kVmSpecial)) return missing.all();
  const int before = std::popcount(missing.empty);
  if (vma.object) {
    map_object(mm, vma, batch, missing.empty);
  } else {
    map_zeros(mm, vma, batch, missing.empty);
  }
  missing = find_missing(mm, batch);
  const int done = std::max(before - std::popcount(missing.empty), 0);
  arch::current_schedulable()->minor_faults += static_cast<uint64_t>(done);
  return missing.all();
}

Result<void> fault_page(Mm& mm, UserAddr at, bool write) {
  constexpr int kSigBus = 7, kSegvAccErr = 2;
  const FaultResult result = handle_page_fault(mm, at, {.write = write});
  if (result.outcome == FaultOutcome::handled) return {};
  if (result.outcome == FaultOutcome::out_of_memory) return Errno::nomem;
  if (result.signal.signal_number == kSigBus) return Errno::fault;
  return result.signal.code == kSegvAccErr ? Errno::acces : Errno::nomem;
}

bool writes(const Vma& vma, PopulateFor access) {
  if (access != PopulateFor::as_mapped) return access == PopulateFor::write;
  return (vma.flags & (kVmWrite | kVmShared)) == kVmWrite;
}

}  // namespace

Result<void> populate_pages(Mm& mm, UserAddr start, UserAddr end, PopulateFor access) {
  for (UserAddr at = start; at < end;) {
    Batch batch;
    uint64_t left;
    {
      ReadGuard guard(mm.mmap_lock);
      const Vma* vma = mm.mappings.first_ending_after(at);
      if (vma == nullptr || vma->start > at) {
        if (access != PopulateFor::as_mapped) return Errno::nomem;
        if (vma == nullptr || vma->start >= end) return {};
        at = vma->start;
      }
      const bool write = writes(*vma, access);
      if (!(vma->flags & (write ? kVmWrite : kVmAccess))) return Errno::acces;
      const UserAddr stop = std::min({end, vma->end, leaf_end(at)});
      const uint64_t pages = std::min<uint64_t>((stop - at) >> kPageShift, kBatchPages);
      batch = {at, static_cast<unsigned>(pages), write};
      left = populate_batch(mm, *vma, batch);
    }
    for (; left != 0; left &= left - 1) {
      const auto page = static_cast<unsigned>(std::countr_zero(left));
      TRY(fault_page(mm, batch.at(page), batch.write));
    }
    at = batch.end();
  }
  return {};
}

}  // namespace tine::mm
