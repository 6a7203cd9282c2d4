// SPDX-License-Identifier: MIT
//
// x86-64's inline part of arch/cpu.h. GS points at the running CPU's CpuLocal while in the kernel,
// so that each operation on it is one instruction that no interrupt can split.
//
// Bit 31 of preempt_count is the inverse of need_resched: the count then falls to exactly zero when
// preemption becomes possible *and* a reschedule is due, and one `dec` tells both.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tine::arch {

using IrqState = uint64_t;  // RFLAGS

inline constexpr uint64_t kFlagInterrupts = 1u << 9;
inline constexpr uint32_t kNoReschedDue = 1u << 31;

inline void irq_enable() { asm volatile("sti" ::: "memory"); }
inline void irq_disable() { asm volatile("cli" ::: "memory"); }
inline uint64_t read_flags() {
  uint64_t flags;
  asm volatile("pushfq; popq %0" : "=r"(flags)::"memory");
  return flags;
}
inline IrqState irq_save() {
  IrqState state = read_flags();
  irq_disable();
  return state;
}
inline void irq_restore(IrqState state) {
  if (state & kFlagInterrupts) irq_enable();
}
inline bool irqs_enabled() { return read_flags() & kFlagInterrupts; }
// In QEMU's emulation `pause` leaves the translated code and takes the emulator's global lock, which
// slows down the very CPU that is waited for: there it is patched to plain nops at boot. The flag ?
// lets a site go when its function, of which there may be many copies, is dropped by the linker.
inline void cpu_relax() {
  asm volatile(
      "1: pause\n"
      ".pushsection .pause_sites, \"a?\"\n"
      ".quad 1b\n"
      ".popsection" ::
          : "memory");
}
inline void poll_relax() { cpu_relax(); }
inline uint64_t cycle_counter() {
  uint32_t low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
  return uint64_t{high} << 32 | low;
}

inline CpuLocal& this_cpu() {
  CpuLocal* cpu;
  asm volatile("movq %%gs:%c1, %0" : "=r"(cpu) : "i"(offsetof(CpuLocal, self)));
  return *cpu;
}
// Not volatile: a task's own `current` never changes, so the compiler may keep it.
inline sched::Schedulable* current_schedulable() {
  sched::Schedulable* task;
  asm("movq %%gs:%c1, %0" : "=r"(task) : "i"(offsetof(CpuLocal, current)));
  return task;
}
inline void set_current(sched::Schedulable* task) {
  asm volatile("movq %0, %%gs:%c1" ::"r"(task), "i"(offsetof(CpuLocal, current)) : "memory");
}

inline void preempt_count_add(unsigned amount) {
  asm volatile("addl %0, %%gs:%c1" ::"ri"(amount), "i"(offsetof(CpuLocal, preempt_count))
               : "memory", "cc");
}
inline void preempt_count_sub(unsigned amount) {
  asm volatile("subl %0, %%gs:%c1" ::"ri"(amount), "i"(offsetof(CpuLocal, preempt_count))
               : "memory", "cc");
}
inline bool preempt_count_sub_and_test_resched() {
  bool zero;
  asm volatile("decl %%gs:%c1" : "=@ccz"(zero) : "i"(offsetof(CpuLocal, preempt_count)) : "memory");
  return zero;
}
inline uint32_t raw_preempt_count() {
  uint32_t count;
  asm volatile("movl %%gs:%c1, %0" : "=r"(count) : "i"(offsetof(CpuLocal, preempt_count)));
  return count;
}
inline unsigned preempt_count() { return raw_preempt_count() & ~kNoReschedDue; }
inline void set_need_resched() {
  asm volatile("andl %0, %%gs:%c1" ::"i"(~kNoReschedDue), "i"(offsetof(CpuLocal, preempt_count))
               : "memory", "cc");
}
inline void clear_need_resched() {
  asm volatile("orl %0, %%gs:%c1" ::"i"(kNoReschedDue), "i"(offsetof(CpuLocal, preempt_count))
               : "memory", "cc");
}
inline bool need_resched() { return !(raw_preempt_count() & kNoReschedDue); }

}  // namespace tine::arch
