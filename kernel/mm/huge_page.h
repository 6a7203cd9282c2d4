// SPDX-License-Identifier: MIT
//
// Transparent huge pages: 2 MiB of private anonymous memory that one entry shows, where a mapping
// covers the whole of them and a policy allows it. Programs find out by time alone, and by
// AnonHugePages in /proc.
//
// A huge page is made by a first touch or by MADV_COLLAPSE, and is split into small ones by
// whatever needs to treat them differently: a write while others share it since a fork, and
// unmapping, protecting or moving a part. Where memory for one is not to be had, small pages are
// used. How one lives in the page tables: mm/page_table.h and mm/huge_table.cpp.
#pragma once

#include <atomic>
#include <string_view>

#include "core/result.h"
#include "mm/mm.h"

namespace tine::mm {

// As /sys/kernel/mm/transparent_hugepage/enabled has it: for all memory, or where MADV_HUGEPAGE
// asks for it. Set by `transparent_hugepage=` on the kernel's command line.
enum class HugePagePolicy : uint8_t { never, madvise, always };
inline std::atomic<HugePagePolicy> huge_page_policy{HugePagePolicy::madvise};

// "always", "madvise" or "never"; anything else changes nothing.
void set_huge_page_policy(std::string_view name);

// Huge pages that are in use now and have not been split by anybody.
uint64_t huge_page_count();

// A huge page in the form of the table in reserve for it, which owns it: put_table(table, 0) gives
// both back. Not cleared. Null: no memory.
[[nodiscard]] Frame* take_huge_page(FrameKind kind = FrameKind::anonymous);
// For put_table(): gives the huge page of a table in reserve back.
void free_huge_page(Frame& reserve);
void clear_huge_page(const Frame& huge);
void copy_huge_page(const Frame& to, const Frame& from);
// The entry that shows it to a mapping with these flags, whose own it is.
arch::Pte huge_entry(const Frame& huge, uint32_t vm_flags);

// A fault where no leaf table is. done: the access is to be repeated. shared: there is a huge page,
// which must be split for this write. none: there is nothing, and small pages are to be used.
// bus_error, no_memory: of pages of the pool alone (mm/huge_tlb.h).
enum class HugeFault : uint8_t { none, done, shared, bus_error, no_memory };
HugeFault fault_huge(Mm& mm, const Vma& vma, UserAddr at, bool write) REQUIRES_SHARED(mm.mmap_lock);

// Whether a touch of the mapping may bring one in: it has a whole window, and the policy is for it.
bool may_become_huge(const Mm& mm, const Vma& vma);

// MADV_COLLAPSE: makes huge pages of what lies in whole windows of 2 MiB in [start, end), which is
// part of `vma`. INVAL: not memory that can have them, or too little; NOMEM.
Result<void> collapse_pages(Mm& mm, const Vma& vma, UserAddr start, UserAddr end)
    REQUIRES(mm.mmap_lock);

}  // namespace tine::mm
