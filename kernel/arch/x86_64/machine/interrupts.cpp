// SPDX-License-Identifier: MIT
//
// Dispatch of interrupts, and routing of device lines through the I/O APICs (24 lines each: lines
// 0-23 at 0xfec00000, 24-47 at 0xfec10000 where the machine has a second one, as microvm does).
// Lines are connected at boot by one CPU, so the table needs no lock; handlers only read it.
#include "arch/x86_64/machine/interrupts.h"

#include "arch/cpu.h"
#include "arch/interrupt.h"
#include "arch/page_table.h"
#include "arch/x86_64/machine/apic.h"
#include "sched/sched.h"
#include "sched/timer.h"
#include "sync/cross_call.h"

namespace tine::x86 {

namespace {

struct ConnectedLine {
  arch::InterruptHandler handler = nullptr;
  void* context = nullptr;
};
constinit ConnectedLine lines[kDeviceVectors];

// The I/O APIC's two-register window.
class IoApic {
 public:
  explicit IoApic(PhysAddr base) : registers_(arch::direct_map<volatile uint32_t>(base)) {}
  unsigned line_count() {
    uint32_t version = read(1);
    return version == ~0u ? 0 : (version >> 16 & 0xff) + 1;
  }
  void route(unsigned pin, unsigned vector, bool level, uint32_t apic_id) {
    write(0x11 + 2 * pin, apic_id << 24);
    write(0x10 + 2 * pin, vector | (level ? 1u << 15 : 0));
  }

 private:
  uint32_t read(unsigned index) {
    registers_[0] = index;
    return registers_[4];
  }
  void write(unsigned index, uint32_t value) {
    registers_[0] = index;
    registers_[4] = value;
  }
  volatile uint32_t* registers_;
};

constexpr unsigned kLinesPerIoApic = 24;
constexpr PhysAddr kIoApics[] = {PhysAddr(0xfec0'0000), PhysAddr(0xfec1'0000)};

}  // namespace

void dispatch_interrupt(unsigned vector, bool user_mode) {
  if (vector == kVectorSpurious) return;
  arch::preempt_count_add(arch::kHardIrqUnit);
  if (vector == kVectorTimer) {
    end_of_interrupt();
    time::timer_interrupt(user_mode);
  } else if (vector == kVectorReschedule) {
    end_of_interrupt();
    sched::reschedule_interrupt();
  } else if (vector == kVectorCall) {
    end_of_interrupt();
    cross_call_interrupt();
  } else if (vector - kVectorFirstDevice < kDeviceVectors) {
    const ConnectedLine& line = lines[vector - kVectorFirstDevice];
    if (line.handler) line.handler(line.context);
    end_of_interrupt();  // after the handler has silenced a level-triggered device
  } else {
    end_of_interrupt();
  }
  arch::preempt_count_sub(arch::kHardIrqUnit);
}

}  // namespace tine::x86

namespace tine::arch {

void send_reschedule_interrupt(CpuId cpu) {
  x86::send_interrupt(x86::apic_id_of(cpu), x86::kVectorReschedule);
}

void send_call_interrupt(CpuId cpu) {
  x86::send_interrupt(x86::apic_id_of(cpu), x86::kVectorCall);
}

Result<void> connect_interrupt(unsigned line, Trigger trigger, InterruptHandler handler,
                               void* context) {
  if (line >= x86::kDeviceVectors) return Errno::nodev;
  x86::IoApic controller(x86::kIoApics[line / x86::kLinesPerIoApic]);
  unsigned pin = line % x86::kLinesPerIoApic;
  if (pin >= controller.line_count()) return Errno::nodev;
  if (x86::lines[line].handler) return Errno::busy;
  x86::lines[line] = {handler, context};
  controller.route(pin, x86::kVectorFirstDevice + line, trigger == Trigger::level,
                   x86::local_apic_id());
  return {};
}

}  // namespace tine::arch
