// SPDX-License-Identifier: MIT
//
// From the PVH loader's structures to kernel_main(): reads the memory map into BootInfo, sets up
// the boot CPU (per-CPU block, features, page tables, descriptor tables, timer) and leaves to the
// arch-neutral start.
//
// The loader is trusted: a malformed start_info panics. The memory map may be unsorted and may hold
// empty entries; BootInfo gets it sorted and in whole pages.
#include <cstring>

#include "arch/cpu.h"
#include "arch/x86_64/boot/image.h"
#include "arch/x86_64/boot/paging.h"
#include "arch/x86_64/boot/pvh.h"
#include "arch/x86_64/cpu/descriptor_tables.h"
#include "arch/x86_64/cpu/features.h"
#include "arch/x86_64/cpu/fpu.h"
#include "arch/x86_64/cpu/instructions.h"
#include "arch/x86_64/cpu/stack_canary.h"
#include "arch/x86_64/machine/apic.h"
#include "arch/x86_64/machine/secondary.h"
#include "arch/x86_64/machine/serial.h"
#include "arch/x86_64/time/tsc.h"
#include "boot/boot_info.h"
#include "core/panic.h"
#include "task/boot_tasks.h"
#include "task/task.h"

namespace tine::x86 {

constinit CpuBlock boot_cpu;

namespace {

constinit BootInfo boot_info;

void reserve(PhysAddr start, uint64_t length) {
  if (length == 0) return;
  if (boot_info.reserved_count == BootInfo::kMaxReserved - 1) panic("too many reserved ranges");
  boot_info.reserved_ranges[boot_info.reserved_count++] = {start, length};
}

// Keeps ram_ranges sorted. An overlap is cut off the later range, so that no frame counts twice.
void add_ram(uint64_t start, uint64_t end) {
  start = page_ceil(start);
  end = page_floor(end);
  if (start >= end || boot_info.ram_count == BootInfo::kMaxRam) return;
  size_t at = boot_info.ram_count;
  while (at > 0 && boot_info.ram_ranges[at - 1].start.value > start) {
    boot_info.ram_ranges[at] = boot_info.ram_ranges[at - 1];
    --at;
  }
  boot_info.ram_ranges[at] = {PhysAddr(start), end - start};
  ++boot_info.ram_count;
}

void cut_overlaps() {
  for (size_t i = 1; i < boot_info.ram_count; ++i) {
    MemoryRange& before = boot_info.ram_ranges[i - 1];
    uint64_t start = boot_info.ram_ranges[i].start.value;
    if (before.end().value > start) before.length = start - before.start.value;
  }
}

struct AcpiRanges {
  MemoryRange ranges[8];
  size_t count = 0;
};

void read_start_info(PhysAddr address, AcpiRanges& acpi) {
  const auto* info = arch::direct_map<HvmStartInfo>(address);
  if (info->magic != HvmStartInfo::kMagic || info->version < 1) panic("no PVH start information");
  const auto* map = arch::direct_map<HvmMemoryMapEntry>(PhysAddr(info->memory_map));
  for (uint32_t i = 0; i < info->memory_map_entries; ++i) {
    if (map[i].size == 0) continue;
    if (map[i].type == HvmMemoryMapEntry::kRam) {
      add_ram(map[i].address, map[i].address + map[i].size);
    } else if ((map[i].type == HvmMemoryMapEntry::kAcpiReclaimable ||
                map[i].type == HvmMemoryMapEntry::kAcpiNvs) &&
               acpi.count < 8) {
      acpi.ranges[acpi.count++] = {PhysAddr(map[i].address), map[i].size};
    }
  }
  cut_overlaps();
  boot_info.rsdp = PhysAddr(info->rsdp);

  reserve(PhysAddr(0), kPageSize);  // a null physical address stays one
  reserve(kTrampoline, kPageSize);
  reserve(image_phys(image_start), static_cast<uint64_t>(image_end - image_start));
  reserve(address, sizeof *info);
  reserve(PhysAddr(info->memory_map), info->memory_map_entries * sizeof *map);
  if (info->command_line) {
    const char* text = arch::direct_map<char>(PhysAddr(info->command_line));
    boot_info.command_line = text;
    reserve(PhysAddr(info->command_line), boot_info.command_line.size() + 1);
  }
  if (info->module_count > 0) {
    const auto* module = arch::direct_map<HvmModule>(PhysAddr(info->module_list));
    boot_info.initrd = {PhysAddr(module->address), module->size};
    reserve(boot_info.initrd.start, boot_info.initrd.length);
  }
}

void init_boot_cpu_local() {
  boot_cpu.self = &boot_cpu;
  boot_cpu.preempt_count = arch::kNoReschedDue;
  boot_cpu.kernel_stack_top = reinterpret_cast<uint64_t>(boot_stack_top);
  write_msr(kMsrGsBase, reinterpret_cast<uint64_t>(&boot_cpu));
  write_msr(kMsrKernelGsBase, 0);
}

// What runs here is the boot CPU's idle task, on the boot stack.
void become_idle_task() {
  Task& idle = **make_idle_task(0);  // the first one's is static
  idle.kernel_stack = VirtAddr(reinterpret_cast<uint64_t>(boot_stack_bottom));
  idle.context.stack_canary = boot_cpu.stack_canary;  // frames are guarded by it already
  arch::set_current(&idle);
}

}  // namespace

// Not guarded: there is no canary before GS points at the CPU's block.
extern "C" [[noreturn, gnu::no_stack_protector]] void x86_start(uint64_t start_info) {
  init_boot_cpu_local();
  init_serial();
  detect_features();
  // Here and not in a function of its own: one that returns would miss the canary it entered with.
  uint64_t canary;
  if (!arch::hardware_random(canary)) canary = arch::cycle_counter();
  boot_cpu.stack_canary = canary & kCanaryMask;
  init_interrupt_gates();
  load_descriptor_tables();
  enable_features();
  AcpiRanges acpi;
  read_start_info(PhysAddr(start_info), acpi);
  build_kernel_page_tables(boot_info, {acpi.ranges, acpi.count});
  init_fpu();
  init_apic();
  init_clock();
  find_processors(boot_info.rsdp);
  become_idle_task();
  init_stack_canaries();
  kernel_main(boot_info);
}

}  // namespace tine::x86
