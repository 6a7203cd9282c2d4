// SPDX-License-Identifier: MIT
//
// The kernel's page tables: the image at -2 GiB with each section's own rights (W^X), all RAM at
// the direct map, the devices' registers uncached at the same offset, and an empty vmalloc area.
// The direct map uses the largest pages there are, except over the image, where it must not make
// text or constants writable. Tables for it come from the RAM behind the image.
//
// Runs once, on the start code's tables (first GiB mapped). Panics if the image does not fit or RAM
// behind it is too small: there is no way to go on then.
#include "arch/x86_64/boot/paging.h"

#include "arch/page_table.h"
#include "arch/x86_64/boot/image.h"
#include "arch/x86_64/cpu/features.h"
#include "arch/x86_64/cpu/instructions.h"
#include "core/panic.h"

namespace tine::x86 {

using arch::Pte;
using arch::PteFlags;

constinit Table kernel_top_table __attribute__((section(".bss.pages")));
constinit Table vmalloc_top_table __attribute__((section(".bss.pages")));

namespace {

constexpr uint64_t kGigabyte = 1ull << 30;
constexpr uint64_t kImageWindow = 4ull << 20;  // the image lies in the first 4 MiB

__attribute__((section(".bss.pages"))) constinit Table direct_table, image_top, image_middle;
__attribute__((section(".bss.pages"))) constinit Table image_tables[2], direct_image_tables[2];

constexpr unsigned index_at(uint64_t address, unsigned level) {
  return address >> (kPageShift + 9 * level) & 511;
}

// Frames for tables: a bump pointer behind the image.
struct BootFrames {
  uint64_t next;
  uint64_t limit;

  PhysAddr take() {
    if (next + kPageSize > limit) panic("no memory for the kernel's page tables");
    PhysAddr frame(next);
    next += kPageSize;
    auto* entries = arch::direct_map<uint64_t>(frame);
    for (unsigned i = 0; i < arch::kTableEntries; ++i) entries[i] = 0;
    return frame;
  }
};

BootFrames frames_behind_image(const BootInfo& info) {
  uint64_t start = image_phys(image_end).value;
  for (const MemoryRange& range : info.ram()) {
    if (start < range.start.value || start >= range.end().value) continue;
    uint64_t limit = range.end().value;
    if (info.initrd.length && info.initrd.start.value >= start) {
      limit = info.initrd.start.value < limit ? info.initrd.start.value : limit;
    }
    return {start, limit < kGigabyte ? limit : kGigabyte};
  }
  panic("the kernel image is not in RAM");
}

void map_image_section(const char* start, const char* end, PteFlags image_flags,
                       PteFlags direct_flags) {
  for (PhysAddr at = image_phys(start); at < image_phys(end); at += kPageSize) {
    uint64_t page = at.value >> kPageShift;
    image_tables[page >> 9][page & 511] = Pte::page(at, image_flags);
    direct_image_tables[page >> 9][page & 511] = Pte::page(at, direct_flags);
  }
}

constexpr PteFlags kKernelData = arch::kWritable | arch::kGlobal | arch::kAccessed | arch::kDirty;
constexpr PteFlags kKernelConstants = arch::kGlobal | arch::kAccessed;

void map_image() {
  if (image_phys(image_end).value > kImageWindow) panic("the kernel image is too large");
  for (unsigned page = 0; page < 2 * arch::kTableEntries; ++page) {
    direct_image_tables[page >> 9][page & 511] =
        Pte::page(PhysAddr(uint64_t{page} << kPageShift), kKernelData);
  }
  map_image_section(text_start, text_end, kKernelConstants | arch::kExecutable, kKernelConstants);
  map_image_section(rodata_start, rodata_end, kKernelConstants, kKernelConstants);
  map_image_section(data_start, data_end, kKernelData, kKernelData);
  map_image_section(boot_stack_bottom, boot_stack_top, kKernelData, kKernelData);
  map_image_section(kernel_symbols_start, image_end, kKernelConstants, kKernelConstants);
  for (unsigned i = 0; i < 2; ++i) {
    image_middle[i] = Pte::table(image_phys(&image_tables[i]));
  }
  image_top[510] = Pte::table(image_phys(&image_middle));
  kernel_top_table[511] = Pte::table(image_phys(&image_top));
}

// The page directory for the GiB that holds `address`.
Pte* directory_for(uint64_t address, BootFrames& frames) {
  if (address >> 39) panic("memory beyond 512 GiB");
  Pte& entry = direct_table[index_at(address, 2)];
  if (!entry.is_present()) entry = Pte::table(frames.take());
  return arch::direct_map<Pte>(entry.address());
}

void map_direct(uint64_t start, uint64_t end, PteFlags flags, BootFrames& frames) {
  start &= ~(kHugePageSize - 1);
  while (start < end) {
    Pte& gigabyte = direct_table[index_at(start, 2)];
    if (gigabyte.is_huge()) {
      start = (start & ~(kGigabyte - 1)) + kGigabyte;
      continue;
    }
    if (features.gigabyte_pages && start % kGigabyte == 0 && end - start >= kGigabyte &&
        start != 0 && !gigabyte.is_present()) {
      gigabyte = Pte::page(PhysAddr(start), flags | arch::kHuge);
      start += kGigabyte;
      continue;
    }
    Pte& entry = directory_for(start, frames)[index_at(start, 1)];
    if (!entry.is_present()) {
      entry = start < kImageWindow
                  ? Pte::table(image_phys(&direct_image_tables[start / kHugePageSize]))
                  : Pte::page(PhysAddr(start), flags | arch::kHuge);
    }
    start += kHugePageSize;
  }
}

}  // namespace

void build_kernel_page_tables(BootInfo& info, std::span<const MemoryRange> also_mapped) {
  BootFrames frames = frames_behind_image(info);
  uint64_t first_frame = frames.next;
  map_image();
  map_direct(0, kImageWindow, kKernelData, frames);
  for (const MemoryRange& range : info.ram()) {
    map_direct(range.start.value, range.end().value, kKernelData, frames);
  }
  for (const MemoryRange& range : also_mapped) {
    map_direct(range.start.value, range.end().value, kKernelData, frames);
  }
  // Devices: virtio-mmio and the event device at 0xfea00000, I/O APICs, local APIC.
  map_direct(0xfea0'0000, 0xff00'0000, kKernelData | arch::kUncached, frames);
  kernel_top_table[index_at(arch::direct_map_base(), 3)] = Pte::table(image_phys(&direct_table));
  kernel_top_table[index_at(arch::kVmallocBase, 3)] = Pte::table(image_phys(&vmalloc_top_table));

  info.reserved_ranges[info.reserved_count++] = {PhysAddr(first_frame), frames.next - first_frame};
  write_cr3(image_phys(&kernel_top_table).value);
}

}  // namespace tine::x86
