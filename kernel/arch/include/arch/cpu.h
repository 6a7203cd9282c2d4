// SPDX-License-Identifier: MIT
//
// What the core needs of a processor: interrupts on and off, the per-CPU block, preemption count,
// idling, cycle counter, power. Every architecture supplies arch/impl/cpu.h with the inline parts:
//
//   IrqState irq_save(); void irq_restore(IrqState); void irq_enable(); void irq_disable();
//   bool irqs_enabled(); uint64_t cycle_counter();
//   void cpu_relax();                  in a loop that waits for another CPU
//   void poll_relax();                 in a bounded loop that may wait for nothing
//   CpuLocal& this_cpu();              this CPU's block; stable only while preemption is off
//   sched::Schedulable* current_schedulable();   the running task; always stable
//   void set_current(sched::Schedulable*);
//   void preempt_count_add/sub(unsigned); unsigned preempt_count();
//   bool preempt_count_sub_and_test_resched();   count fell to 0 and need_resched is set
//   void set_need_resched(); void clear_need_resched(); bool need_resched();   of this CPU
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/types.h"

namespace tine::sched {
struct Schedulable;
}

namespace tine::arch {

// One per CPU. The architecture reaches it through a register, at the fixed offsets its assembly
// knows, so the first fields must not move.
struct CpuLocal {
  CpuLocal* self = nullptr;
  sched::Schedulable* current = nullptr;
  uint64_t kernel_stack_top = 0;    // where a system call or interrupt from user mode starts
  uint64_t scratch = 0;             // the entry code's, for the user's stack pointer
  uint32_t preempt_count = 0;       // bits 0-15 preemption, 16-23 hard interrupts
  uint32_t need_resched = 0;
  CpuId id = 0;
  uint32_t spin_ranks_held = 0;     // debug builds: how many entries of spin_ranks are in use
  uint16_t spin_ranks[16] = {};
  void* active_mm = nullptr;        // the Mm whose page tables are loaded (mm/mm.h)
};

inline constexpr uint32_t kHardIrqUnit = 1u << 16;  // added to preempt_count by each interrupt

// Waits for an interrupt with interrupts on; the caller has interrupts off and nothing to run, and
// gets them back off. An interrupt that came before the call is not lost.
void cpu_idle();
[[noreturn]] void cpu_halt_forever();
// Makes another CPU take an interrupt, at whose end it reschedules.
void send_reschedule_interrupt(CpuId cpu);
// Makes another CPU run cross_call_interrupt() (sync/cross_call.h), soon and with interrupts off.
void send_call_interrupt(CpuId cpu);
// How many CPUs the machine has, at most kMaxCpus; and their start, which goes on by itself after
// the call: each runs sched::init_this_cpu() when it is up.
CpuId possible_cpu_count();
void start_other_cpus();
// End of the machine: reboot(2). They do not return where the machine obeys.
[[noreturn]] void machine_power_off();
[[noreturn]] void machine_restart();

// Writes text to the earliest console there is; for the log and for panics. Never sleeps.
void early_console_write(const char* text, size_t length);
// Prints registers and call chain of the caller (or of `frame_pointer`), symbolised.
void print_backtrace();

// /proc/cpuinfo's lines for one CPU, cut to fit; the length.
size_t write_cpu_description(CpuId cpu, std::span<char> out);

// Fills memory with hardware randomness where there is any (RDRAND, jitter); false where none.
bool hardware_random(uint64_t& out);

}  // namespace tine::arch

#include "arch/impl/cpu.h"  // IWYU pragma: export
