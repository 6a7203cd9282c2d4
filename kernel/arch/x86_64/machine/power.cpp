// SPDX-License-Identifier: MIT
//
// Idling, and the end of the machine. Which device ends it depends on the machine QEMU emulates:
// microvm's ACPI event device (MMIO), q35's and pc's ACPI power management port. All are tried, for
// a write to an absent one does nothing; the last resort is a triple fault, which resets.
#include <utility>

#include "arch/cpu.h"
#include "arch/page_table.h"
#include "arch/power.h"
#include "arch/x86_64/cpu/instructions.h"

namespace tine::arch {

namespace {

// ACPI 6.5, 4.8.3.7: sleep type 5 and sleep enable; and the reset register beside it.
constexpr PhysAddr kEventDeviceSleep{0xfea0'0200};
constexpr PhysAddr kEventDeviceReset{0xfea0'0202};
constexpr uint8_t kEventDeviceSleepOff = 0x34;
constexpr uint8_t kEventDeviceResetValue = 0x42;
constexpr uint16_t kPowerPorts[] = {0x604, 0xb004};  // q35; pc of old
constexpr uint16_t kPowerOff = 0x2000;

constinit void (*power_off_hook)() = nullptr;

// Once: a panic in the hook must not call it again.
void run_power_off_hook() {
  if (auto hook = std::exchange(power_off_hook, nullptr)) hook();
}

void write_event_device(PhysAddr address, uint8_t value) {
  *direct_map<volatile uint8_t>(address) = value;
}

}  // namespace

void set_power_off_hook(void (*hook)()) { power_off_hook = hook; }

void cpu_idle() { asm volatile("sti; hlt; cli" ::: "memory"); }

void cpu_halt_forever() {
  for (;;) asm volatile("cli; hlt");
}

void machine_power_off() {
  irq_disable();
  run_power_off_hook();
  write_event_device(kEventDeviceSleep, kEventDeviceSleepOff);
  for (uint16_t port : kPowerPorts) x86::out16(port, kPowerOff);
  cpu_halt_forever();
}

void machine_restart() {
  irq_disable();
  run_power_off_hook();
  write_event_device(kEventDeviceReset, kEventDeviceResetValue);
  x86::out8(0x64, 0xfe);  // keyboard controller: pulse reset
  struct [[gnu::packed]] {
    uint16_t limit = 0;
    uint64_t base = 0;
  } no_interrupt_table;
  asm volatile("lidt %0; int3" ::"m"(no_interrupt_table));
  cpu_halt_forever();
}

}  // namespace tine::arch
