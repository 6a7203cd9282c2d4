// SPDX-License-Identifier: MIT
//
// Wait queues: tasks that sleep until a condition holds. Non-exclusive waiters stand at the head
// and are all woken; exclusive ones stand at the tail and are woken one a call, in FIFO order
// (CONTRACT B3-B6). A waiter may carry its own wake function (poll, epoll).
//
// The pattern is always: enqueue, set the task's state, test the condition, schedule, so that a
// wake-up between test and sleep is not lost; wait_event() does exactly that.
// One IrqSpinLock a queue guards its list; wakes may come from interrupt handlers. A wake function
// runs under that lock: it must not sleep, wake the same queue, or take a lock of a lower rank.
#pragma once

#include <atomic>

#include "core/result.h"
#include "core/types.h"
#include "sync/parking.h"
#include "sync/spin_lock.h"

namespace tine {

struct Waiter;
using WakeFunction = bool (*)(Waiter& waiter, uint32_t events);  // true: counts as a wake-up

struct Waiter {
  Waiter* previous = nullptr;   // in the queue; under its lock
  Waiter* next = nullptr;
  sched::Schedulable* task = nullptr;
  WakeFunction wake = nullptr;  // null: wake `task`
  bool exclusive = false;
  bool queued = false;
  uint32_t events = 0;  // poll: the events of interest
};

class WaitQueue {
 public:
  constexpr WaitQueue() = default;
  WaitQueue(const WaitQueue&) = delete;
  WaitQueue& operator=(const WaitQueue&) = delete;

  void add(Waiter& waiter);            // non-exclusive at the head, exclusive at the tail
  void remove(Waiter& waiter);         // harmless if it is not queued
  // Wakes all non-exclusive waiters and up to `exclusive_limit` exclusive ones (0: all).
  void wake(unsigned exclusive_limit = 1, uint32_t events = 0, WakeMode mode = WakeMode::any) {
    // Orders the caller's change of the condition before the look at the queue.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!is_empty()) wake_waiters(exclusive_limit, events, mode);
  }
  void wake_all(uint32_t events = 0) { wake(0, events); }
  // Without the lock. Whoever changed the condition with a full barrier (or any atomic
  // read-modify-write) before asking may trust a true: later waiters will see the change.
  bool is_empty() const { return queued_.load(std::memory_order_seq_cst) == 0; }
  bool is_first(const Waiter& waiter) const;

 private:
  friend class Completion;
  void insert_locked(Waiter& waiter, Waiter* before) REQUIRES(lock_);
  void wake_waiters(unsigned exclusive_limit, uint32_t events, WakeMode mode);
  void wake_locked(unsigned exclusive_limit, uint32_t events, WakeMode mode) REQUIRES(lock_);

  mutable IrqSpinLock lock_{LockRank::wait_queue};
  std::atomic<uint32_t> queued_{0};    // written under lock_
  // A list by hand: queues are often global, and no constructor runs before the kernel does.
  Waiter* first_ GUARDED_BY(lock_) = nullptr;
  Waiter* last_ GUARDED_BY(lock_) = nullptr;
};

enum class WaitKind : uint8_t { uninterruptible, killable, interruptible };

// Sleeps until condition() is true. Fails with restart_sys when a signal (killable: a fatal one)
// arrives first, and with timedout at `deadline`. `waiter` is the caller's own, and not queued.
template <class Condition>
Result<void> sleep_until(WaitQueue& queue, Waiter& waiter, WaitKind kind, Condition&& condition,
                         Nanoseconds deadline = kNever) {
  queue.add(waiter);
  Result<void> outcome;
  for (;;) {
    prepare_to_sleep(kind == WaitKind::interruptible ? TaskState::interruptible
                     : kind == WaitKind::killable    ? TaskState::killable
                                                     : TaskState::uninterruptible);
    if (condition()) break;
    if (sleep_is_interrupted()) { outcome = Errno::restart_sys; break; }
    if (!schedule_until(deadline)) { if (!condition()) outcome = Errno::timedout; break; }
  }
  finish_sleep();
  queue.remove(waiter);
  // A wake-up may have chosen this waiter just as it gave up: the next one gets it.
  if (waiter.exclusive && !outcome) [[unlikely]] queue.wake();
  return outcome;
}
// The same, but who finds the condition true already is not queued at all.
template <class Condition>
Result<void> wait_event(WaitQueue& queue, WaitKind kind, Condition&& condition,
                        Nanoseconds deadline = kNever, bool exclusive = false) {
  if (condition()) return {};
  Waiter waiter{.task = arch::current_schedulable(), .exclusive = exclusive};
  return sleep_until(queue, waiter, kind, condition, deadline);
}

// One event that happens once: vfork, kthread start. complete() may be called from any context;
// the waiter may free the Completion as soon as wait() returns.
class Completion {
 public:
  void complete();
  void wait() { (void)wait_as(WaitKind::uninterruptible); }
  Result<void> wait_as(WaitKind kind);
  bool is_done() const { return done_.load(std::memory_order_acquire); }

 private:
  WaitQueue queue_;
  std::atomic<bool> done_{false};
};

}  // namespace tine
