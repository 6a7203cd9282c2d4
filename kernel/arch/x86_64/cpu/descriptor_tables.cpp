// SPDX-License-Identifier: MIT
//
// Segment, task-state and interrupt descriptors. Segments are flat; the TSS carries the stacks that
// the processor switches to: the task's kernel stack, and one each (IST) for the exceptions that
// must not trust the running stack. Every CPU has its own GDT and TSS (cpu/cpu_block.h); the
// interrupt gates are common. Nothing here can fail.
#include "arch/x86_64/cpu/descriptor_tables.h"

#include "arch/x86_64/cpu/cpu_block.h"
#include "arch/x86_64/cpu/features.h"
#include "arch/x86_64/offsets.h"

namespace tine::x86 {

namespace {

struct Gate {
  uint16_t offset_low;
  uint16_t selector;
  uint8_t ist;
  uint8_t type;
  uint16_t offset_middle;
  uint32_t offset_high;
  uint32_t reserved;
};

struct [[gnu::packed]] TablePointer {
  uint16_t limit;
  const void* base;
};

enum IstIndex : uint8_t { kIstNone, kIstDoubleFault, kIstNmi, kIstMachineCheck, kIstDebug };

constexpr uint64_t kGdtTemplate[kGdtEntries] = {
    0,
    0,
    0x00af9b000000ffff,  // 0x10 kernel code
    0x00cf93000000ffff,  // 0x18 kernel data
    0,                   // 0x20 would be 32-bit user code: there is none
    0x00cff3000000ffff,  // 0x28 user data
    0x00affb000000ffff,  // 0x30 user code
    0,
    0,
    0,  // 0x40 task state, two words
    0,
    0,
    0,
    0,
    0,
    0x0040f50000000000,  // 0x78 limit = number of the CPU, for the vDSO's getcpu
};
constexpr unsigned kCpuNumberEntry = 15;
constinit Gate interrupt_gates[256]{};

extern "C" const char trap_stubs[], page_fault_entry[];
extern "C" const uint64_t smap_sites_start[], smap_sites_end[];
extern "C" const uint64_t pause_sites_start[], pause_sites_end[];

void set_gate(unsigned vector, const char* handler, uint8_t privilege, IstIndex ist) {
  auto offset = reinterpret_cast<uint64_t>(handler);
  interrupt_gates[vector] = {
      .offset_low = static_cast<uint16_t>(offset),
      .selector = SELECTOR_KERNEL_CODE,
      .ist = ist,
      .type = static_cast<uint8_t>(0x8e | privilege << 5),  // interrupt gate: interrupts off
      .offset_middle = static_cast<uint16_t>(offset >> 16),
      .offset_high = static_cast<uint32_t>(offset >> 32),
      .reserved = 0,
  };
}

IstIndex ist_of(unsigned vector) {
  switch (vector) {
    case VECTOR_DEBUG:
      return kIstDebug;
    case VECTOR_NMI:
      return kIstNmi;
    case VECTOR_DOUBLE_FAULT:
      return kIstDoubleFault;
    case VECTOR_MACHINE_CHECK:
      return kIstMachineCheck;
    default:
      return kIstNone;
  }
}

void fill_gdt(CpuBlock& cpu) {
  for (unsigned i = 0; i < kGdtEntries; ++i) cpu.gdt[i] = kGdtTemplate[i];
  cpu.gdt[kCpuNumberEntry] |= cpu.id;
  for (unsigned i = 0; i < kIstStacks; ++i) {
    cpu.task_state.ist[i] = reinterpret_cast<uint64_t>(cpu.ist_stacks[i] + kIstStackSize);
  }
  auto base = reinterpret_cast<uint64_t>(&cpu.task_state);
  cpu.gdt[8] = (sizeof(TaskStateSegment) - 1) | (base & 0xff'ffff) << 16 | uint64_t{0x89} << 40 |
               (base >> 24 & 0xff) << 56;
  cpu.gdt[9] = base >> 32;
}

// STAC and CLAC instead of nops; only while kernel text is still writable.
void patch_smap_sites() {
  for (const uint64_t* site = smap_sites_start; site < smap_sites_end; site += 2) {
    auto* code = reinterpret_cast<volatile uint8_t*>(site[0]);
    code[0] = 0x0f;
    code[1] = 0x01;
    code[2] = static_cast<uint8_t>(site[1]);
  }
}

// PAUSE is a NOP with a prefix.
void patch_pause_sites() {
  for (const uint64_t* site = pause_sites_start; site < pause_sites_end; ++site) {
    *reinterpret_cast<volatile uint8_t*>(*site) = 0x90;
  }
}

}  // namespace

void init_interrupt_gates() {
  for (unsigned vector = 0; vector < 256; ++vector) {
    bool user_may_call = vector == 3 || vector == 4;  // INT3, INTO
    set_gate(vector, trap_stubs + 16 * vector, user_may_call ? 3 : 0, ist_of(vector));
  }
  set_gate(VECTOR_PAGE_FAULT, page_fault_entry, 0, kIstNone);
  if (features.smap) patch_smap_sites();
  if (features.emulated) patch_pause_sites();
}

void load_descriptor_tables() {
  CpuBlock& cpu = this_cpu_block();
  fill_gdt(cpu);
  TablePointer gdt_pointer{sizeof cpu.gdt - 1, cpu.gdt};
  TablePointer idt_pointer{sizeof interrupt_gates - 1, interrupt_gates};
  asm volatile("lgdt %0; lidt %1; ltr %w2" ::"m"(gdt_pointer), "m"(idt_pointer), "r"(SELECTOR_TSS));
}

}  // namespace tine::x86
