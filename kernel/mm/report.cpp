// SPDX-License-Identifier: MIT
//
// Copies of what an address space looks like, for /proc. See report.h.
//
// How many share a frame is taken from its reference count and from those of the tables that lead to
// it: the page cache's own reference does not count, one that somebody holds just now for a copy may
// be counted too, and of others who share a table above a second table of theirs one is counted.
#include "mm/report.h"

#include <algorithm>

#include "mm/unmap.h"

namespace tine::mm {
namespace {

MappingReport::Region region_of(const Mm& mm, const Vma& vma) {
  if (vma.flags & kVmSpecial) return MappingReport::Region::special;
  if (vma.object) return MappingReport::Region::none;
  if (vma.start <= mm.brk && vma.end > mm.start_brk && mm.brk != mm.start_brk) {
    return MappingReport::Region::heap;
  }
  if (vma.start <= mm.start_stack && vma.end > mm.start_stack) return MappingReport::Region::stack;
  return MappingReport::Region::none;
}

uint32_t sharers_of(const Frame& frame, uint32_t users_of_tables) {
  uint32_t owners = frame.count.load(std::memory_order_relaxed);
  bool in_cache = frame.kind == FrameKind::cache && frame.object != nullptr;
  return std::max(1u, in_cache ? owners - 1 : owners) + users_of_tables;
}

}  // namespace

bool next_mapping(Mm& mm, UserAddr at, MappingReport& out) {
  ReadGuard guard(mm.mmap_lock);
  const Vma* vma = mm.mappings.first_ending_after(at);
  if (vma == nullptr) return false;
  out.start = vma->start;
  out.end = vma->end;
  out.flags = vma->flags;
  out.has_object = static_cast<bool>(vma->object);
  out.offset_bytes = vma->object_page << kPageShift;
  out.is_shmem = vma->object && vma->object->is_shmem();
  out.region = region_of(mm, *vma);
  out.name = vma->name;
  return true;
}

MappingPages measure_pages(Mm& mm, UserAddr start, UserAddr end) {
  MappingPages pages;
  ReadGuard guard(mm.mmap_lock);
  for (LeafWalk walk(mm.tables(), start, end); !walk.is_done();) {
    SpinGuard table_guard(mm.page_table_lock);
    if (!walk.next()) break;
    uint32_t users_of_tables = mm.page_table.other_users(walk.at);
    for (unsigned i = walk.first; i < walk.last; ++i) {
      arch::Pte entry = walk.leaf.get(i);
      if (is_empty(entry)) continue;
      const Frame& frame = frame_at(entry.address());
      if (!is_counted(frame)) continue;
      uint32_t sharers = sharers_of(frame, users_of_tables);
      ++pages.resident;
      pages.referenced += entry.is_accessed();
      pages.anonymous += frame.kind == FrameKind::anonymous;
      pages.proportional_bytes += kPageSize / sharers;
      bool dirty = entry.is_dirty() || frame.kind == FrameKind::anonymous;
      uint64_t& kind = sharers > 1 ? (dirty ? pages.shared_dirty : pages.shared_clean)
                                   : (dirty ? pages.private_dirty : pages.private_clean);
      ++kind;
    }
  }
  return pages;
}

MmStatus mm_status(Mm& mm) {
  auto count = [](int64_t pages) { return static_cast<uint64_t>(std::max<int64_t>(pages, 0)); };
  MmStatus status{};
  status.vm_size = mm.total_vm;
  status.vm_peak = std::max(mm.hiwater_vm, mm.total_vm);
  status.vm_locked = mm.locked_vm;
  status.rss_anonymous = count(mm.rss_of(RssKind::anonymous));
  status.rss_file = count(mm.rss_of(RssKind::file));
  status.rss_shmem = count(mm.rss_of(RssKind::shmem));
  status.rss = status.rss_anonymous + status.rss_file + status.rss_shmem;
  status.rss_peak = std::max(count(mm.hiwater_rss.load(std::memory_order_relaxed)), status.rss);
  status.data = mm.data_vm;
  status.stack = mm.stack_vm;
  status.text = (mm.end_code.page_ceil() - mm.start_code.page_floor()) >> kPageShift;
  SpinGuard guard(mm.page_table_lock);
  status.page_tables = mm.page_table.table_count();
  return status;
}

}  // namespace tine::mm
