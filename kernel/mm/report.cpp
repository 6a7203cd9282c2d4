// SPDX-License-Identifier: MIT
//
// Copies of what an address space looks like, for /proc. See report.h.
#include "mm/report.h"

#include <algorithm>

#include "mm/huge_object.h"
#include "mm/page_sharing.h"
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

void MappingPages::add(const MappingPages& other) {
  resident += other.resident;
  shared_clean += other.shared_clean;
  shared_dirty += other.shared_dirty;
  private_clean += other.private_clean;
  private_dirty += other.private_dirty;
  referenced += other.referenced;
  anonymous += other.anonymous;
  anonymous_huge += other.anonymous_huge;
  pool_shared += other.pool_shared;
  pool_private += other.pool_private;
  for (unsigned kind = 0; kind < kKinds; ++kind) {
    share_of_kind[kind] += other.share_of_kind[kind];
  }
  share_dirty += other.share_dirty;
  share_locked += other.share_locked;
}

namespace {

Result<MappingPages> measure_pool_mapping(Mm& mm, const Vma& vma) {
  MappingPages pages;
  SpinGuard guard(mm.page_table_lock);
  TRY(unfold(mm));
  for (LeafWalk walk(mm.page_table, vma.start, vma.end); walk.next();) {
    if (walk.huge == nullptr) continue;
    const uint32_t others = mm.page_table.other_users(walk.at);
    const bool is_objects = belongs_to_object(table_below(load_entry(*walk.huge)));
    const bool is_shared = others > (is_objects ? 1 : 0);  // the object is not a mapping
    (is_shared ? pages.pool_shared : pages.pool_private) += arch::kTableEntries;
  }
  return pages;
}

}  // namespace

Result<MappingPages> measure_mapping(Mm& mm, const Vma& vma) {
  if (vma.flags & kVmHugeTlb) return measure_pool_mapping(mm, vma);
  Owned<LeafSharing> leaf;  // large: where nothing is in memory it is not needed
  MappingPages pages;
  for (UserAddr at = vma.start, stop; (at = next_mapped(mm, at, vma.end)) < vma.end; at = stop) {
    if (!leaf) leaf = TRY(make<LeafSharing>());
    stop = std::min(vma.end, leaf_end(at));
    measure_sharing(mm, vma, at, stop, *leaf);
    for (unsigned i = 0; i < (stop - at) >> kPageShift; ++i) {
      const uint32_t sharers = leaf->sharers[i];
      if (sharers == 0) continue;
      const Frame& frame = leaf->frame(i);
      const RssKind kind = rss_kind(frame);
      const bool dirty = leaf->entries[i].is_dirty() || kind == RssKind::anonymous;
      const uint64_t share = (kPageSize << MappingPages::kShareShift) / sharers;
      ++pages.resident;
      pages.referenced += leaf->entries[i].is_accessed();
      pages.anonymous += kind == RssKind::anonymous;
      pages.anonymous_huge += leaf->huge_page != nullptr;
      pages.share_of_kind[static_cast<unsigned>(kind)] += share;
      if (dirty) pages.share_dirty += share;
      ++(sharers > 1 ? (dirty ? pages.shared_dirty : pages.shared_clean)
                     : (dirty ? pages.private_dirty : pages.private_clean));
    }
  }
  if (vma.flags & kVmLocked) pages.share_locked = pages.share();
  return pages;
}

MmStatus mm_status(Mm& mm) {
  auto count = [](int64_t pages) { return static_cast<uint64_t>(std::max<int64_t>(pages, 0)); };
  MmStatus status{};
  status.vm_size = mm.total_vm;
  status.vm_peak = std::max<uint64_t>(mm.hiwater_vm, mm.total_vm);
  status.vm_locked = mm.locked_vm;
  status.rss_anonymous = count(mm.rss_of(RssKind::anonymous));
  status.rss_file = count(mm.rss_of(RssKind::file));
  status.rss_shmem = count(mm.rss_of(RssKind::shmem));
  status.rss = status.rss_anonymous + status.rss_file + status.rss_shmem;
  status.rss_peak = std::max(count(mm.hiwater_rss.load(std::memory_order_relaxed)), status.rss);
  status.data = mm.data_vm;
  status.stack = mm.stack_vm;
  uint64_t code = (mm.end_code.page_ceil() - mm.start_code.page_floor()) >> kPageShift;
  status.text = std::min<uint64_t>(code, mm.exec_vm);
  status.library = mm.exec_vm - status.text;
  status.huge_pool = count(mm.rss_of(RssKind::huge_pool));
  SpinGuard guard(mm.page_table_lock);
  status.page_tables = mm.page_table.table_count();
  status.folded_table_bytes = mm.page_table.folded_bytes();
  return status;
}

}  // namespace tine::mm
