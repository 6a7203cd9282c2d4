// SPDX-License-Identifier: MIT
//
// The local APIC of the running CPU; see apic.h. Registers are named by their xAPIC offset; x2APIC
// has them at MSR 0x800 + offset/16. Cannot fail: every x86-64 machine has one.
#include "arch/x86_64/machine/apic.h"

#include "arch/page_table.h"
#include "arch/x86_64/cpu/features.h"
#include "arch/x86_64/cpu/instructions.h"
#include "arch/x86_64/machine/interrupts.h"

namespace tine::x86 {

namespace {

enum Register : uint32_t {
  kId = 0x20, kEndOfInterrupt = 0xb0, kSpurious = 0xf0, kTimerVector = 0x320, kInitialCount = 0x380,
  kCurrentCount = 0x390, kDivide = 0x3e0,
};
constexpr PhysAddr kXApicBase{0xfee0'0000};

constinit bool x2apic = false;

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
  uint64_t base = read_msr(kMsrApicBase) | 1u << 11;
  if (features.x2apic) base |= 1u << 10;
  write_msr(kMsrApicBase, base);
  x2apic = features.x2apic;
  write(kSpurious, 1u << 8 | kVectorSpurious);
  write(kDivide, 0xb);  // by 1
  write(kTimerVector, kVectorTimer);
  write(kInitialCount, 0);
}

void end_of_interrupt() { write(kEndOfInterrupt, 0); }
uint32_t local_apic_id() { return x2apic ? read(kId) : read(kId) >> 24; }
void start_apic_timer(uint32_t count) { write(kInitialCount, count); }
uint32_t apic_timer_count() { return read(kCurrentCount); }

}  // namespace tine::x86
