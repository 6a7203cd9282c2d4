// SPDX-License-Identifier: MIT
//
// What /proc/PID/{maps,smaps,status,statm} show of an address space. Each call takes the locks it
// needs and gives a copy, so that a reader who stops between two mappings holds nothing; mappings
// that change meanwhile are seen before or after the change. Who shares a page is counted by
// mm/page_sharing.h.
#pragma once

#include "core/ref.h"
#include "core/types.h"
#include "mm/mm.h"

namespace tine::mm {

struct MappingReport {
  enum class Region : uint8_t { none, heap, stack, special };  // [heap], [stack], by `name`
  UserAddr start, end;
  uint32_t flags = 0;         // VmFlags
  uint64_t offset_bytes = 0;  // in the file
  bool has_object = false;
  bool is_shmem = false;  // shared anonymous memory: "/dev/zero (deleted)"
  Region region = Region::none;
  Ref<MapName> name;  // null: none
};
// The mapping that contains `at`, or the next one above; false: there is none.
bool next_mapping(Mm& mm, UserAddr at, MappingReport& out);

// In pages, but for the proportional shares, which are in bytes << kShareShift.
struct MappingPages {
  static constexpr unsigned kShareShift = 12;
  uint64_t resident = 0, shared_clean = 0, shared_dirty = 0, private_clean = 0, private_dirty = 0;
  uint64_t referenced = 0, anonymous = 0, anonymous_huge = 0;
  uint64_t pool_shared = 0, pool_private = 0;  // of the pool of huge pages: nowhere else
  static constexpr unsigned kKinds = 3;        // anonymous, file, shmem
  uint64_t share_of_kind[kKinds] = {}, share_dirty = 0, share_locked = 0;

  uint64_t share() const { return share_of_kind[0] + share_of_kind[1] + share_of_kind[2]; }
  void add(const MappingPages& other);
};
// ENOMEM.
Result<MappingPages> measure_mapping(Mm& mm, const Vma& vma) REQUIRES_SHARED(mm.mmap_lock);

// In pages.
struct MmStatus {
  uint64_t vm_peak, vm_size, vm_locked, rss_peak, rss, rss_anonymous, rss_file, rss_shmem;
  uint64_t data, stack;
  uint64_t text, library;  // the program's own code, and all other
  uint64_t page_tables;
  uint64_t folded_table_bytes;  // what takes their place while they are folded
  uint64_t huge_pool;
};
MmStatus mm_status(Mm& mm);

}  // namespace tine::mm
