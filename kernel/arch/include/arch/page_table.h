// SPDX-License-Identifier: MIT
//
// Page-table entries and the translation cache. Tables are 4 levels of 512 entries of 8 bytes on
// every architecture; level 0 maps 4 KiB pages, level 1 can map 2 MiB. Walking and policy are the
// core's (mm/page_table.h); the bits are the architecture's.
//
// arch/impl/page_table.h defines `class Pte` (a value) and `enum PteFlags`:
//   Pte()                              empty (not present)
//   static Pte page(PhysAddr, PteFlags)    PteFlags: kWritable kExecutable kUser kGlobal
//                                          kDirty kAccessed kHuge kUncached; present implied
//   static Pte table(PhysAddr)         link to the next lower table, all rights
//   bool is_present/is_writable/is_executable/is_dirty/is_accessed/is_huge() const
//   PhysAddr address() const; Pte without_write() const; with_write() const; with_dirty() const;
//   Pte small_page(unsigned index) const   the index-th 4 KiB of a huge page, with its rights
//   uint64_t raw() const
#pragma once

#include <cstdint>

#include "core/types.h"

#include "arch/impl/page_table.h"  // IWYU pragma: export

namespace tine::arch {

inline constexpr unsigned kTableEntries = 512;
inline constexpr unsigned kTableLevels = 4;
inline constexpr unsigned kUserTopEntries = 256;  // top-level entries of the user half

// Direct map: all physical memory, readable and writable, at a constant offset.
template <class T = void>
T* direct_map(PhysAddr address) {
  return reinterpret_cast<T*>(direct_map_base() + address.value);
}
inline PhysAddr direct_map_to_phys(const void* pointer) {
  return PhysAddr(reinterpret_cast<uint64_t>(pointer) - direct_map_base());
}

// Copies the kernel's half of the top-level table into a fresh one (shared from then on).
void init_top_table(PhysAddr top_table);
// Loads a top-level table on this CPU, which drops its non-global translations; also for that.
void load_page_table(PhysAddr top_table);
PhysAddr kernel_page_table();

// Drop translations of this CPU's loaded table. The shoot-down of other CPUs is mm/tlb.h's.
void flush_tlb_page(uint64_t address);

// Faster than memset/memcpy for whole frames.
void clear_page(void* page);
void copy_page(void* to, const void* from);

// Maps/unmaps kernel pages in the vmalloc area (kernel stacks). `address` page-aligned. One at a
// time: the caller has a lock for it. Fails with ENOMEM when a table cannot be had.
bool map_kernel_page(VirtAddr address, PhysAddr frame);
void unmap_kernel_page(VirtAddr address);
#ifndef TINE_ARCH_PLACES_VMALLOC  // the hosted home finds a place for it at run time
inline constexpr uint64_t kVmallocBase = 0xffff'c900'0000'0000;
inline constexpr uint64_t kVmallocSize = 1ull << 36;
#endif

}  // namespace tine::arch
