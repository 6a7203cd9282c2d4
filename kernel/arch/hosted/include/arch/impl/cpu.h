// SPDX-License-Identifier: MIT
//
// The hosted processor. Usually every simulated CPU runs on the one host thread, one at a time;
// which CPU goes on is decided at interrupt windows (interrupts switched on, a spin lock spinning, a
// CPU idling), by a seeded generator, so that every run can be repeated. A machine with
// MachineOptions::host_threads gives each CPU a host thread of its own, for TSan. Fibres carry tasks.
//
// Interrupts are simulated: they are delivered only at interrupt windows. CPU 0 exists from static
// initialisation on, with a boot task as its current one, so that locks work in any unit test.
// See arch/hosted/machine.h for what tests may set.
#pragma once

#include <atomic>
#include <cstdint>

namespace tine::arch {

using IrqState = bool;  // whether interrupts were on

namespace hosted {

struct SimulatedCpu : CpuLocal {
  bool irqs_on = true;
  std::atomic<bool> reschedule_requested{false};  // an interrupt from another CPU is due
  std::atomic<bool> call_requested{false};        // likewise, for cross_call_interrupt()
  std::atomic<bool> idle{false};
  std::atomic<Nanoseconds> timer_deadline{kNever};
  PhysAddr top_table;
  sched::Schedulable* idle_task = nullptr;  // of a secondary CPU, owned
  sched::Schedulable* switched_from = nullptr;  // by the latest switch
  void* fibre = nullptr;              // where to go on, while another CPU has the host thread
};
// The CPU that runs the caller. Never inlined: a fibre may go on in another host thread, and the
// compiler must not keep the address of a thread's variable across that.
[[gnu::noinline]] SimulatedCpu& running_cpu();

void interrupt_window();  // interrupts are on: deliver what is due, perhaps change CPU
void spin_window();       // a lock is held elsewhere: another CPU goes on
void poll_window();       // another CPU goes on, if there is one with something to do

}  // namespace hosted

inline CpuLocal& this_cpu() { return hosted::running_cpu(); }
inline sched::Schedulable* current_schedulable() { return hosted::running_cpu().current; }
inline void set_current(sched::Schedulable* task) { hosted::running_cpu().current = task; }

inline bool irqs_enabled() { return hosted::running_cpu().irqs_on; }
inline void irq_disable() { hosted::running_cpu().irqs_on = false; }
inline void irq_enable() {
  hosted::running_cpu().irqs_on = true;
  hosted::interrupt_window();
}
inline IrqState irq_save() {
  bool were_on = hosted::running_cpu().irqs_on;
  hosted::running_cpu().irqs_on = false;
  return were_on;
}
inline void irq_restore(IrqState were_on) {
  if (were_on) irq_enable();
}

inline void cpu_relax() { hosted::spin_window(); }
inline void poll_relax() { hosted::poll_window(); }
uint64_t cycle_counter();

inline unsigned preempt_count() { return hosted::running_cpu().preempt_count; }
inline void preempt_count_add(unsigned n) { hosted::running_cpu().preempt_count += n; }
inline void preempt_count_sub(unsigned n) { hosted::running_cpu().preempt_count -= n; }
inline bool preempt_count_sub_and_test_resched() {
  return --hosted::running_cpu().preempt_count == 0 && hosted::running_cpu().need_resched != 0;
}
inline void set_need_resched() { hosted::running_cpu().need_resched = 1; }
inline void clear_need_resched() { hosted::running_cpu().need_resched = 0; }
inline bool need_resched() { return hosted::running_cpu().need_resched != 0; }

}  // namespace tine::arch
