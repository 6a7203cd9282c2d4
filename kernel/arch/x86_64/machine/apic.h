// SPDX-License-Identifier: MIT
//
// The local APIC: end of interrupt and the one-shot timer, by memory (xAPIC) or by MSR (x2APIC,
// which spares KVM a trap per access).
#pragma once

#include <cstdint>

#include "core/types.h"

namespace tine::x86 {

// Masks the old interrupt controllers and turns the APIC on, its timer disarmed.
void init_apic();
void init_local_apic();  // the same for the other CPUs
void end_of_interrupt();
uint32_t local_apic_id();
uint32_t highest_apic_id();  // that a command can name: 8 bits in an xAPIC, 32 in an x2APIC
// Kernel CPU numbers and APIC ids; set when a CPU starts.
void set_apic_id(CpuId cpu, uint32_t apic_id);
uint32_t apic_id_of(CpuId cpu);
void send_interrupt(uint32_t apic_id, unsigned vector);
// INIT and start-up: the processor begins in real mode at `code`, a page below 1 MiB.
void send_start_up(uint32_t apic_id, PhysAddr code);
void send_nmi_to_others();

// The timer counts down once from `count` at 1 GHz (what QEMU and KVM give every guest) and then
// interrupts with kVectorTimer; 0 stops it.
void start_apic_timer(uint32_t count);
uint32_t apic_timer_count();

}  // namespace tine::x86
