// SPDX-License-Identifier: MIT
//
// Timers: per CPU a tree ordered by deadline, under the base's lock. Callbacks run from the timer
// interrupt with the lock dropped, so they may arm and cancel any timer, their own included.
//
// The hardware is asked only for something earlier than what it was asked for already: cancelling
// costs no access, and an interrupt that finds nothing to do asks for the next. A timer is armed on
// the CPU that arms it, but where its callback runs just then: it stays there, so that whoever
// cancels it finds the callback. Nothing here fails.
#include "sched/timer.h"

#include <atomic>
#include <new>

#include "arch/clock.h"
#include "arch/cpu.h"
#include "sched/sched.h"
#include "sched/tick.h"
#include "sync/spin_lock.h"

namespace tine::time {
namespace {

struct ByDeadline {
  bool operator()(const Timer& a, const Timer& b) const { return a.deadline < b.deadline; }
};

struct TimerBase {
  using Tree = bi::multiset<Timer, bi::member_hook<Timer, TreeNode, &Timer::node>,
                            bi::compare<ByDeadline>, bi::constant_time_size<false>>;
  IrqSpinLock lock{LockRank::timer_base};
  Tree armed GUARDED_BY(lock);
  std::atomic<Timer*> running{nullptr};  // its callback runs; set under the lock
  // This CPU's alone, interrupts off.
  std::atomic<Nanoseconds> first_deadline{kNever};  // of the tree; others raise it by cancelling
  Nanoseconds tick = kNever;
  Nanoseconds programmed = kNever;  // what the hardware was asked for
};

alignas(TimerBase) char base_storage[sizeof(TimerBase) * kMaxCpus];
TimerBase& base_of(CpuId cpu) { return reinterpret_cast<TimerBase*>(base_storage)[cpu]; }

void program_hardware(TimerBase& base) {
  Nanoseconds first = base.first_deadline.load(std::memory_order_relaxed);
  Nanoseconds next = first < base.tick ? first : base.tick;
  if (next >= base.programmed) return;
  base.programmed = next;
  arch::arm_timer(next);
}

void note_first(TimerBase& base) REQUIRES(base.lock) {
  Nanoseconds first = base.armed.empty() ? kNever : base.armed.begin()->deadline;
  base.first_deadline.store(first, std::memory_order_relaxed);
}

bool remove(TimerBase& base, Timer& timer) REQUIRES(base.lock) {
  if (!timer.armed) return false;
  bool was_first = &*base.armed.begin() == &timer;
  base.armed.erase(base.armed.iterator_to(timer));
  timer.armed = false;
  if (was_first) note_first(base);
  return true;
}

// The timer may move to another CPU's base while its lock is being taken. The analysis cannot name
// the lock of what is returned, so the caller asserts it.
TimerBase& lock_base_of(const Timer& timer) NO_THREAD_SAFETY_ANALYSIS {
  for (;;) {
    CpuId cpu = timer.cpu;
    TimerBase& base = base_of(cpu);
    base.lock.lock_irqs_off();
    if (timer.cpu == cpu) [[likely]]
      return base;
    base.lock.unlock_irqs_off();
  }
}

bool runs_callback_of(const TimerBase& base, const Timer& timer) {
  return base.running.load(std::memory_order_acquire) == &timer;
}

struct Disarmed {
  bool was_armed;
  TimerBase* calling;  // its callback runs there, on another CPU; or null
};

Disarmed disarm(Timer& timer) {
  arch::IrqState state = arch::irq_save();
  TimerBase& base = lock_base_of(timer);
  base.lock.assert_held();
  Disarmed outcome = {remove(base, timer), nullptr};
  if (&base != &base_of(arch::this_cpu().id) && runs_callback_of(base, timer)) {
    outcome.calling = &base;
  }
  base.lock.unlock_irqs_off();
  arch::irq_restore(state);
  return outcome;
}

// Takes the timer off where it is armed and locks the base where it is to be.
TimerBase& lock_base_to_arm(Timer& timer) NO_THREAD_SAFETY_ANALYSIS {
  TimerBase& base = lock_base_of(timer);
  TimerBase& here = base_of(arch::this_cpu().id);
  remove(base, timer);
  if (&base == &here || runs_callback_of(base, timer)) return base;
  base.lock.unlock_irqs_off();
  here.lock.lock_irqs_off();
  timer.cpu = arch::this_cpu().id;
  return here;
}

void run_expired(TimerBase& base, Nanoseconds now) {
  base.lock.lock_irqs_off();
  while (!base.armed.empty() && base.armed.begin()->deadline <= now) {
    Timer& timer = *base.armed.begin();
    remove(base, timer);
    base.running.store(&timer, std::memory_order_relaxed);
    base.lock.unlock_irqs_off();
    timer.callback(timer);  // from here on the timer may be gone
    base.lock.lock_irqs_off();
    base.running.store(nullptr, std::memory_order_release);
  }
  note_first(base);
  base.lock.unlock_irqs_off();
}

}  // namespace

void init_this_cpu() { new (&base_of(arch::this_cpu().id)) TimerBase; }

void arm(Timer& timer, Nanoseconds deadline) {
  arch::IrqState state = arch::irq_save();
  TimerBase& base = lock_base_to_arm(timer);
  base.lock.assert_held();
  timer.deadline = deadline;
  timer.armed = true;
  base.armed.insert(timer);
  if (&*base.armed.begin() == &timer) {
    base.first_deadline.store(deadline, std::memory_order_relaxed);
    // Another CPU, which runs the callback, asks its own hardware when that has ended.
    if (&base == &base_of(arch::this_cpu().id)) program_hardware(base);
  }
  base.lock.unlock_irqs_off();
  arch::irq_restore(state);
}

bool cancel(Timer& timer) {
  bool was_armed = false;
  for (;;) {
    Disarmed outcome = disarm(timer);
    was_armed |= outcome.was_armed;
    if (outcome.calling == nullptr) return was_armed;
    while (runs_callback_of(*outcome.calling, timer)) arch::cpu_relax();
    // The callback may have armed it again.
  }
}

bool try_cancel(Timer& timer) { return disarm(timer).was_armed; }

void arm_tick(Nanoseconds deadline) {
  TimerBase& base = base_of(arch::this_cpu().id);
  base.tick = deadline;
  program_hardware(base);
}

void timer_interrupt(bool user_mode) {
  TimerBase& base = base_of(arch::this_cpu().id);
  Nanoseconds now = arch::monotonic_now();
  base.programmed = kNever;
  if (base.tick <= now) {
    base.tick = kNever;
    sched::scheduler_tick(now, user_mode);
  }
  if (base.first_deadline.load(std::memory_order_relaxed) <= now) run_expired(base, now);
  program_hardware(base);
}

}  // namespace tine::time
