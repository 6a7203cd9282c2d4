// SPDX-License-Identifier: MIT
//
// Transparent huge pages: when a first touch takes one, writes to them, and MADV_COLLAPSE.
// See huge_page.h.
//
// A fault holds the Mm's mmap_lock shared, and the page_table_lock only to look and to install: the
// 2 MiB are cleared without it. Frames are owned by the table in reserve until the entry exists.
#include "mm/huge_page.h"

#include "mm/huge_tlb.h"
#include "mm/tlb.h"
#include "mm/unmap.h"

namespace tine::mm {

using arch::Pte;

namespace {

UserAddr window_of(UserAddr at) { return UserAddr(at.value & ~(kHugePageSize - 1)); }

// Whether the mapping covers the window with memory that may be huge.
bool has_whole_window(const Vma& vma, UserAddr window) {
  constexpr uint32_t kNever =
      kVmShared | kVmSpecial | kVmGrowsDown | kVmStack | kVmNoHugePage | kVmHugeTlb;
  return !vma.object && !(vma.flags & kNever) && vma.start <= window &&
         window + kHugePageSize <= vma.end;
}

// A read alone gets a huge page only where the program has asked for them.
bool is_wanted(const Mm& mm, const Vma& vma, bool write) {
  HugePagePolicy policy = huge_page_policy.load(std::memory_order_relaxed);
  if (policy == HugePagePolicy::never || mm.no_huge_pages) return false;
  return vma.flags & kVmHugePage || (policy == HugePagePolicy::always && write);
}

// Whether a huge page is there, or now allows the write.
HugeFault fault_present(Mm& mm, UserAddr at, bool write) {
  SpinGuard guard(mm.page_table_lock);
  const Pte* seen = mm.page_table.find_huge(at);
  if (seen == nullptr) return HugeFault::none;
  if (!write) return HugeFault::done;
  Pte* ours = mm.page_table.own_huge(at);
  if (ours == nullptr) return HugeFault::shared;
  *ours = ours->with_write().with_dirty();
  arch::flush_tlb_page(at.value);  // another CPU that has the old entry faults and comes here
  return HugeFault::done;
}

char* page_of_huge(const Frame& huge, unsigned index) {
  return frame_data<char>(huge) + index * kPageSize;
}

}  // namespace

void set_huge_page_policy(std::string_view name) {
  if (name == "always") huge_page_policy = HugePagePolicy::always;
  if (name == "madvise") huge_page_policy = HugePagePolicy::madvise;
  if (name == "never") huge_page_policy = HugePagePolicy::never;
}

void clear_huge_page(const Frame& huge) {
  for (unsigned i = 0; i < arch::kTableEntries; ++i) arch::clear_page(page_of_huge(huge, i));
}

void copy_huge_page(const Frame& to, const Frame& from) {
  for (unsigned i = 0; i < arch::kTableEntries; ++i) {
    arch::copy_page(page_of_huge(to, i), page_of_huge(from, i));
  }
}

bool may_become_huge(const Mm& mm, const Vma& vma) {
  const UserAddr first = window_of(vma.start + (kHugePageSize - 1));
  return has_whole_window(vma, first) && is_wanted(mm, vma, vma.flags & kVmWrite);
}

HugeFault fault_huge(Mm& mm, const Vma& vma, UserAddr at, bool write) {
  if (vma.flags & kVmHugeTlb) return fault_pool_page(mm, vma, at, write);
  if (HugeFault present = fault_present(mm, at, write); present != HugeFault::none) return present;
  UserAddr window = window_of(at);
  if (!has_whole_window(vma, window) || !is_wanted(mm, vma, write)) return HugeFault::none;
  Frame* reserve = take_huge_page();
  if (reserve == nullptr) return HugeFault::none;
  Frame& huge = *huge_page_of(*reserve);
  clear_huge_page(huge);
  {
    SpinGuard guard(mm.page_table_lock);
    if (mm.page_table.insert_below(window, huge_entry(huge, vma.flags))) {
      mm.add_rss(RssKind::anonymous, arch::kTableEntries);
      return HugeFault::done;
    }
  }
  put_table(*reserve, 0);
  return HugeFault::none;  // another thread was faster, or memory is short
}

namespace {

// Copies the pages of a leaf table, which nobody writes to meanwhile, into `huge`.
RssDelta copy_leaf(const Frame& leaf, const Frame& huge) {
  RssDelta copied;
  for (unsigned i = 0; i < arch::kTableEntries; ++i) {
    Pte entry = entry_of(leaf, i);
    if (is_empty(entry)) {
      arch::clear_page(page_of_huge(huge, i));
      continue;
    }
    const Frame& page = frame_at(entry.address());
    arch::copy_page(page_of_huge(huge, i), frame_data(page));
    if (is_counted(page)) copied.count(page);
  }
  return copied;
}

// The mmap_lock is held exclusively: nobody adds or changes entries, and who finds that he may not
// write waits for it. So the pages stand still while they are copied without the page_table_lock.
Result<void> collapse_window(Mm& mm, const Vma& vma, UserAddr window) REQUIRES(mm.mmap_lock) {
  if (fail_here()) return Errno::nomem;
  Frame* leaf;
  {
    SpinGuard guard(mm.page_table_lock);
    if (!mm.page_table.unfold()) return Errno::nomem;
    if (mm.page_table.own_huge(window) != nullptr) return {};
    if (!mm.page_table.own(window)) return Errno::nomem;
    leaf = mm.page_table.freeze_leaf(window);
    if (leaf == nullptr) return Errno::inval;
  }
  Frame* reserve = take_huge_page();
  if (reserve == nullptr) return Errno::nomem;  // the next write to a page thaws it
  Frame& huge = *huge_page_of(*reserve);
  RssDelta copied = copy_leaf(*leaf, huge);
  {
    SpinGuard guard(mm.page_table_lock);
    copied.subtract_from(mm);
    mm.add_rss(RssKind::anonymous, arch::kTableEntries);
    mm.page_table.replace_below(window, huge_entry(huge, vma.flags));
  }
  put_table(*leaf, 0);
  return {};
}

}  // namespace

Result<void> collapse_pages(Mm& mm, const Vma& vma, UserAddr start, UserAddr end) {
  UserAddr window = window_of(start + (kHugePageSize - 1));
  if (window_of(end) < window) return Errno::inval;
  for (; window + kHugePageSize <= end; window = window + kHugePageSize) {
    if (!has_whole_window(vma, window) || mm.no_huge_pages || !(vma.flags & kVmAccess)) {
      return Errno::inval;
    }
    TRY(collapse_window(mm, vma, window));
  }
  return {};
}

}  // namespace tine::mm
