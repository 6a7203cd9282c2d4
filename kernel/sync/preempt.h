// SPDX-License-Identifier: MIT
//
// Preemption control of this CPU. While the count is above zero the running task keeps the CPU;
// when it falls to zero and a reschedule is due, the scheduler runs at once.
#pragma once

#include "arch/cpu.h"

namespace tine {

// The scheduler's entry for an involuntary switch; does nothing with interrupts off or count > 0.
void preempt_schedule();
// The same at the end of an interrupt: interrupts are off, and off again on return.
void preempt_schedule_irq();

// Switches now if a reschedule is due and allowed.
inline void preempt_check() {
  if (arch::need_resched()) [[unlikely]] preempt_schedule();
}
inline void preempt_disable() { arch::preempt_count_add(1); }
inline void preempt_enable_no_resched() { arch::preempt_count_sub(1); }
inline void preempt_enable() {
  if (arch::preempt_count_sub_and_test_resched()) [[unlikely]] preempt_schedule();
}

class PreemptGuard {
 public:
  PreemptGuard() { preempt_disable(); }
  ~PreemptGuard() { preempt_enable(); }
  PreemptGuard(const PreemptGuard&) = delete;
  PreemptGuard& operator=(const PreemptGuard&) = delete;
};

}  // namespace tine
