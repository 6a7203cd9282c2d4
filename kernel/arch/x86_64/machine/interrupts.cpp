// SPDX-License-Identifier: MIT
//
// Dispatch of interrupts, and routing of device lines through the I/O APICs (24 lines each: lines
// 0-23 at 0xfec00000, 24-47 at 0xfec10000 where the machine has a second one, as microvm does) or
// by messages, which a device writes to the local APIC itself. Devices are connected at boot by one
// thread, so the table needs no lock; interrupts only read it.
#include "arch/x86_64/machine/interrupts.h"

#include "arch/cpu.h"
#include "arch/interrupt.h"
#include "arch/page_table.h"
#include "arch/pci.h"
#include "arch/x86_64/machine/apic.h"
#include "sched/sched.h"
#include "sched/timer.h"
#include "sync/cross_call.h"

namespace tine::x86 {

namespace {

struct ConnectedDevice {
  arch::InterruptHandler handler = nullptr;
  void* context = nullptr;
};
constinit ConnectedDevice devices[kDeviceVectors];  // by vector: lines, then messages

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

// Whom devices interrupt: the CPU that connects them. They name it in 8 bits.
Result<uint32_t> receiving_apic() {
  uint32_t id = local_apic_id();
  if (id > 0xff) return Errno::nodev;
  return id;
}

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
    const ConnectedDevice& device = devices[vector - kVectorFirstDevice];
    if (device.handler) device.handler(device.context);
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

void send_call_interrupt(CpuId cpu) { x86::send_interrupt(x86::apic_id_of(cpu), x86::kVectorCall); }

Result<void> connect_interrupt(unsigned line, Trigger trigger, InterruptHandler handler,
                               void* context) {
  if (line >= x86::kLineVectors) return Errno::nodev;
  x86::IoApic controller(x86::kIoApics[line / x86::kLinesPerIoApic]);
  unsigned pin = line % x86::kLinesPerIoApic;
  if (pin >= controller.line_count()) return Errno::nodev;
  if (x86::devices[line].handler) return Errno::busy;
  uint32_t receiver = TRY(x86::receiving_apic());
  x86::devices[line] = {handler, context};
  controller.route(pin, x86::kVectorFirstDevice + line, trigger == Trigger::level, receiver);
  return {};
}

// Intel SDM 3A, 11.11: the address names the receiver, the data the vector (edge, fixed delivery).
Result<MessageInterrupt> connect_message_interrupt(InterruptHandler handler, void* context) {
  constexpr uint64_t kMessageAddress = 0xfee0'0000;
  uint32_t receiver = TRY(x86::receiving_apic());
  for (unsigned i = x86::kLineVectors; i < x86::kDeviceVectors; ++i) {
    if (x86::devices[i].handler) continue;
    x86::devices[i] = {handler, context};
    return MessageInterrupt{kMessageAddress | receiver << 12, x86::kVectorFirstDevice + i};
  }
  return Errno::nospc;
}

}  // namespace tine::arch
