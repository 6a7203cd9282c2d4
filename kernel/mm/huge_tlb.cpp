// SPDX-License-Identifier: MIT
//
// Faults on pages of the pool. See huge_tlb.h.
//
// A fault holds the Mm's mmap_lock shared and `pool_faults`, so no other fault brings pages of the
// pool in or makes copies of them; it takes the page_table_lock to look and to install, and clears
// and copies without it. An entry that shows a page leads to its table in reserve, whose count is
// the number of such entries and of the object that has it.
#include "mm/huge_tlb.h"

#include "mm/huge_object.h"
#include "mm/mm_internal.h"
#include "mm/tlb.h"
#include "mm/unmap.h"

namespace tine::mm {
namespace {

using arch::Pte;

UserAddr window_of(UserAddr at) { return UserAddr(at.value & ~(kHugePageSize - 1)); }

// Takes the reference to `page`, for one more entry. The window is empty.
HugeFault show_page(Mm& mm, uint32_t vm_flags, UserAddr window, const Frame& page) {
  const Pte entry = huge_entry(*huge_page_of(page), vm_flags);
  SpinGuard guard(mm.page_table_lock);
  if (!mm.page_table.insert_below(window, entry)) return HugeFault::no_memory;
  mm.add_rss(RssKind::huge_pool, arch::kTableEntries);
  return HugeFault::done;
}

// A window of private memory is touched for the first time.
HugeFault fault_own_page(Mm& mm, const Vma& vma, UserAddr window) {
  if (mm.has_lost_pool_pages) return HugeFault::bus_error;  // it may be one of those
  Frame* page = vma.flags & kVmHugeReserved ? mm.huge_reserved.take_page() : nullptr;
  const bool was_reserved = page != nullptr;
  if (page == nullptr) page = take_pool_page();
  if (page == nullptr) return HugeFault::bus_error;
  clear_huge_page(*huge_page_of(*page));
  const HugeFault outcome = show_page(mm, vma.flags, window, *page);
  if (outcome == HugeFault::done) return outcome;
  was_reserved ? mm.huge_reserved.give_back(*page) : put_table(*page, 0);
  return outcome;
}

HugeObject& object_of(const Vma& vma) { return static_cast<HugeObject&>(*vma.object); }

HugeFault fault_shared_page(Mm& mm, const Vma& vma, UserAddr window) REQUIRES(pool_faults) {
  const Result<Frame*> page = object_of(vma).page_at(vma.page_of(window));
  if (!page) return page.error() == Errno::nomem ? HugeFault::no_memory : HugeFault::bus_error;
  get_frame(**page);
  const HugeFault outcome = show_page(mm, vma.flags, window, **page);
  if (outcome != HugeFault::done) put_table(**page, 0);
  return outcome;
}

// A private mapping of a file shows the file's page, if there is one, until it is written to. What
// it brings in itself the file never has.
HugeFault fault_private_page(Mm& mm, const Vma& vma, UserAddr window) REQUIRES(pool_faults) {
  const uint64_t index = vma.page_of(window);
  if (index << kPageShift >= vma.object->size_bytes()) return HugeFault::bus_error;
  Frame* page = object_of(vma).find_page(index);
  if (page == nullptr) return fault_own_page(mm, vma, window);
  get_frame(*page);
  const HugeFault outcome = show_page(mm, vma.flags & ~uint32_t{kVmWrite}, window, *page);
  if (outcome != HugeFault::done) put_table(*page, 0);
  return outcome;
}

// `other` loses its translation of `page`, if it has one at `window`.
void take_from(Mm& other, UserAddr window, const Frame& page) {
  UnmapBatch batch(other);
  PageTable::Unlinked unlinked;
  {
    SpinGuard guard(other.page_table_lock);
    const Pte* entry = other.page_table.find_huge(window);
    if (entry == nullptr || &table_below(load_entry(*entry)) != &page) return;
    if (!other.page_table.unfold()) return;  // no memory: as below
    auto result = other.page_table.unlink_whole(window, window + kHugePageSize);
    if (!result) return;  // no memory for tables: it keeps the page, and the owner cannot write
    unlinked = *result;
    other.has_lost_pool_pages = true;
    other.page_table.detach_if_empty(window, batch.tables());
  }
  drop_unlinked(other, window, unlinked, batch);
}

// Those who share `page` with `mm` since a fork lose it.
void take_from_family(Mm& mm, UserAddr window, const Frame& page) {
  ForkFamily& family = *mm.family_place.family;
  MutexGuard members(family.lock);
  for (Mm* other = family.first; other != nullptr; other = other->family_place.next) {
    if (other != &mm) take_from(*other, window, page);
  }
}

// Allows the write if the page is nobody else's; null: `outcome` says more. Else the page to copy.
Frame* allow_write(Mm& mm, const Vma& vma, UserAddr window, HugeFault& outcome) {
  SpinGuard guard(mm.page_table_lock);
  outcome = HugeFault::done;  // or a truncation has taken the page: the access finds out
  if (mm.page_table.find_huge(window) == nullptr) return nullptr;
  outcome = HugeFault::no_memory;
  Pte* entry = mm.page_table.own_huge_entry(window);
  if (entry == nullptr) return nullptr;
  Frame& page = table_below(*entry);
  if (vma.is_private() && page.count.load(std::memory_order_acquire) != 1) return &page;
  *entry = entry->with_write().with_dirty();
  arch::flush_tlb_page(window.value);  // another CPU that has the old entry faults and comes here
  outcome = HugeFault::done;
  return nullptr;
}

// A private copy of `page`, which others use too, takes its place.
HugeFault copy_for_write(Mm& mm, const Vma& vma, UserAddr window, Frame& page) {
  const bool is_reserved = vma.flags & kVmHugeReserved;
  const bool is_first = belongs_to_object(page);  // what is promised for the window is not used yet
  Frame* copy = is_reserved && is_first ? mm.huge_reserved.take_page() : take_pool_page();
  if (copy == nullptr) {
    if (!is_reserved || is_first) return HugeFault::bus_error;
    take_from_family(mm, window, page);
    HugeFault outcome;
    return allow_write(mm, vma, window, outcome) == nullptr ? outcome : HugeFault::bus_error;
  }
  Frame& huge = *huge_page_of(*copy);
  copy_huge_page(huge, *huge_page_of(page));
  {
    SpinGuard guard(mm.page_table_lock);
    mm.page_table.replace_below(window, huge_entry(huge, vma.flags));
  }
  put_table(page, 0);
  return HugeFault::done;
}

}  // namespace

HugeFault fault_pool_page(Mm& mm, const Vma& vma, UserAddr at, bool write) {
  const UserAddr window = window_of(at);
  MutexGuard guard(pool_faults);
  bool is_shown;
  {
    SpinGuard tables(mm.page_table_lock);
    is_shown = mm.page_table.find_huge(window) != nullptr;
  }
  if (!is_shown) {
    if (!vma.object) return fault_own_page(mm, vma, window);
    const HugeFault outcome =
        vma.is_private() ? fault_private_page(mm, vma, window) : fault_shared_page(mm, vma, window);
    if (outcome != HugeFault::done) return outcome;
  }
  if (!write) return HugeFault::done;
  HugeFault outcome;
  Frame* shared = allow_write(mm, vma, window, outcome);
  return shared == nullptr ? outcome : copy_for_write(mm, vma, window, *shared);
}

Result<void> reserve_pool_pages(Mm& mm, MapRequest& request, uint64_t length) {
  if (request.flags & kVmNoReserve) return {};
  const uint64_t pages = length / kHugePageSize;
  if (request.flags & kVmShared) {
    const uint64_t first = request.object_page / arch::kTableEntries;
    return static_cast<HugeObject&>(*request.object).reserve(first, pages);
  }
  mm.huge_reserved.add(TRY(HugeReservation::take(pages)));
  request.flags |= kVmHugeReserved;
  return {};
}

namespace {

uint64_t count_own_pages(Mm& mm, UserAddr start, UserAddr end) {
  uint64_t count = 0;
  SpinGuard guard(mm.page_table_lock);
  for (LeafWalk walk(mm.page_table, start, end); walk.next();) {
    count += walk.huge != nullptr && !belongs_to_object(table_below(load_entry(*walk.huge)));
  }
  return count;
}

}  // namespace

Result<void> discard_pool_pages(Mm& mm, const Vma& vma, UserAddr start, UserAddr end) {
  if (!is_huge_aligned(start.value)) return Errno::inval;
  end = window_of(end);
  TRY(prepare_unmap(mm, start, end));
  const uint64_t pages = count_own_pages(mm, start, end);
  TRY(unmap_pages(mm, start, end));
  if (!(vma.flags & kVmHugeReserved)) return {};
  if (auto promised = HugeReservation::take(pages)) mm.huge_reserved.add(std::move(*promised));
  return {};
}

void forget_pool_pages(Mm& mm, UserAddr start, UserAddr end) {
  mm.huge_reserved.release((end - start) / kHugePageSize - count_own_pages(mm, start, end));
}

}  // namespace tine::mm
