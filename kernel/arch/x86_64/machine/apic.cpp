// SPDX-License-Identifier: MIT
//
// The local APIC of the running CPU; see apic.h. Registers are named by their xAPIC offset; x2APIC
// has them at MSR 0x800 + offset/16. Cannot fail: every x86-64 machine has one.
#include "arch/x86_64/machine/apic.h"

#include "arch/cpu.h"
#include "arch/page_table.h"
#include "arch/x86_64/cpu/cpu_block.h"
#include "arch/x86_64/cpu/features.h"
#include "arch/x86_64/cpu/instructions.h"
#include "arch/x86_64/machine/interrupts.h"

namespace tine::x86 {

namespace {

enum Register : uint32_t {
  kId = 0x20,
  kEndOfInterrupt = 0xb0,
  kSpurious = 0xf0,
  kCommand = 0x300,
  kCommandTarget = 0x310,
  kTimerVector = 0x320,
  kInitialCount = 0x380,
  kCurrentCount = 0x390,
  kDivide = 0x3e0,
};
constexpr PhysAddr kXApicBase{0xfee0'0000};

constinit bool x2apic = false;
constinit uint32_t apic_ids[kMaxCpus] = {};

void write(Register reg, uint32_t value) {
  if (x2apic) {
    write_msr(kMsrX2ApicBase + reg / 16, value);
  } else {
    *arch::direct_map<volatile uint32_t>(kXApicBase + reg) = value;
  }
}
uint32_t read(Register reg) {
  if (x2apic) return static_cast<uint32_t>(read_msr(kMsrX2ApicBase + reg / 16));
  return *arch::direct_map<volatile uint32_t>(kXApicBase + reg);
}

void mask_legacy_controllers() {
  out8(0x21, 0xff);
  out8(0xa1, 0xff);
}

}  // namespace

void init_apic() {
  mask_legacy_controllers();
  x2apic = features.x2apic;
  init_local_apic();
}

void init_local_apic() {
  uint64_t base = read_msr(kMsrApicBase) | 1u << 11;
  if (x2apic) base |= 1u << 10;
  write_msr(kMsrApicBase, base);
  write(kSpurious, 1u << 8 | kVectorSpurious);
  write(kDivide, 0xb);  // by 1
  write(kTimerVector, kVectorTimer);
  write(kInitialCount, 0);
  set_apic_id(arch::this_cpu().id, local_apic_id());
  if (!x2apic) this_cpu_block().command_target = read(kCommandTarget);
}

void end_of_interrupt() { write(kEndOfInterrupt, 0); }
uint32_t local_apic_id() { return x2apic ? read(kId) : read(kId) >> 24; }
uint32_t highest_apic_id() { return x2apic ? 0xffff'fffe : 0xfe; }  // all ones: everyone
void set_apic_id(CpuId cpu, uint32_t apic_id) { apic_ids[cpu] = apic_id; }
uint32_t apic_id_of(CpuId cpu) { return apic_ids[cpu]; }

namespace {

// Commands beside the plain interrupt of a vector: Intel SDM 3A, 11.6.1.
constexpr uint32_t kAssert = 1u << 14;
constexpr uint32_t kNmi = 4u << 8, kInit = 5u << 8, kStartUp = 6u << 8;
constexpr uint32_t kAllButSelf = 3u << 18;
constexpr uint32_t kCommandPending = 1u << 12;

// The one before. Hypervisors are done with it when the write that sends it is, and each access to
// a register is dear there: QEMU's TCG takes its global lock for it.
void wait_until_sent() {
  if (features.hypervisor) return;
  while (read(kCommand) & kCommandPending) arch::cpu_relax();
}

void send_command(uint32_t apic_id, uint32_t command) {
  if (x2apic) {
    // Unlike a write to memory this one is ordered with nothing: what the receiver will look for
    // must be visible first.
    asm volatile("mfence; lfence" ::: "memory");
    write_msr(kMsrX2ApicBase + kCommand / 16, uint64_t{apic_id} << 32 | command);
    return;
  }
  // Two registers: an interrupt handler that sends one in between would change the target.
  arch::IrqState state = arch::irq_save();
  wait_until_sent();
  uint32_t& target = this_cpu_block().command_target;
  if (target != apic_id << 24) write(kCommandTarget, target = apic_id << 24);
  write(kCommand, command);
  arch::irq_restore(state);
}

}  // namespace

void send_interrupt(uint32_t apic_id, unsigned vector) { send_command(apic_id, kAssert | vector); }

void send_start_up(uint32_t apic_id, PhysAddr code) {
  uint32_t start_up = kAssert | kStartUp | static_cast<uint32_t>(code.value >> kPageShift);
  send_command(apic_id, kAssert | kInit);
  send_command(apic_id, start_up);
  send_command(apic_id, start_up);  // for processors that missed the first
}

void send_nmi_to_others() { send_command(0, kAllButSelf | kAssert | kNmi); }

void start_apic_timer(uint32_t count) { write(kInitialCount, count); }
uint32_t apic_timer_count() { return read(kCurrentCount); }

}  // namespace tine::x86
