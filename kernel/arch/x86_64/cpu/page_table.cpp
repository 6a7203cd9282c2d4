// SPDX-License-Identifier: MIT
//
// arch/page_table.h for x86-64: loading tables, dropping translations, and the vmalloc area, whose
// one top-level entry every address space shares, so that a mapping made here shows everywhere.
//
// map_kernel_page() and unmap_kernel_page() are called under mm's lock of stack slots. Tables of the
// vmalloc area are never given back. ENOMEM is the only failure. Behind the area, below the same
// top-level entry, lie devices' registers, which only the thread that starts drivers maps.
#include "arch/page_table.h"

#include "arch/pci.h"
#include "arch/x86_64/boot/image.h"
#include "arch/x86_64/cpu/instructions.h"
#include "mm/frame.h"

namespace tine::arch {

namespace {

constexpr unsigned index_at(uint64_t address, unsigned level) {
  return address >> (kPageShift + 9 * level) & (kTableEntries - 1);
}

// The next lower table, made on demand; null: no memory.
Pte* lower_table(Pte& entry) {
  if (!entry.is_present()) {
    auto frame = mm::alloc_frame(mm::FrameKind::page_table, mm::AllocFlags::zeroed);
    if (!frame) return nullptr;
    entry = Pte::table(mm::frame_address(*frame->leak()));
  }
  return direct_map<Pte>(entry.address());
}

constinit uint64_t next_device_page = kVmallocBase + kVmallocSize;

Pte* vmalloc_entry(uint64_t address) {
  Pte* middle = lower_table(x86::vmalloc_top_table[index_at(address, 2)]);
  Pte* last = middle ? lower_table(middle[index_at(address, 1)]) : nullptr;
  return last ? &last[index_at(address, 0)] : nullptr;
}

}  // namespace

void init_top_table(PhysAddr top_table) {
  // The kernel's half has three entries; a fresh table is zero elsewhere.
  Pte* table = direct_map<Pte>(top_table);
  for (uint64_t address : {direct_map_base(), kVmallocBase, uint64_t{KERNEL_BASE}}) {
    unsigned index = index_at(address, 3);
    table[index] = x86::kernel_top_table[index];
  }
}

void load_page_table(PhysAddr top_table) { x86::write_cr3(top_table.value); }
PhysAddr kernel_page_table() { return x86::image_phys(&x86::kernel_top_table); }

void flush_tlb_page(uint64_t address) { asm volatile("invlpg (%0)" ::"r"(address) : "memory"); }

bool map_kernel_page(VirtAddr address, PhysAddr frame) {
  Pte* entry = vmalloc_entry(address.value);
  if (entry == nullptr) return false;
  *entry = Pte::page(frame, kWritable | kGlobal | kAccessed | kDirty);
  return true;
}

void unmap_kernel_page(VirtAddr address) {
  if (Pte* entry = vmalloc_entry(address.value)) *entry = Pte();
  flush_tlb_page(address.value);
}

Result<volatile char*> map_device(PhysAddr start, uint64_t length) {
  auto* registers = reinterpret_cast<volatile char*>(next_device_page + start.page_offset());
  const PhysAddr end = (start + length).page_ceil();
  for (PhysAddr at = start.page_floor(); at < end; at += kPageSize) {
    Pte* entry = vmalloc_entry(next_device_page);
    if (entry == nullptr) return Errno::nomem;
    *entry = Pte::page(at, kWritable | kGlobal | kAccessed | kDirty | kUncached);
    next_device_page += kPageSize;
  }
  return registers;
}

}  // namespace tine::arch
