// SPDX-License-Identifier: MIT
//
// Wait queues: tasks that sleep until a condition holds. Non-exclusive waiters stand at the head
// and are all woken; exclusive ones stand at the tail and are woken one a call, in FIFO order
// (CONTRACT B3-B6). A waiter may carry its own wake function (poll, epoll).
//
// The pattern is always: enqueue, set the task's state, test the condition, schedule, so that a
// wake-up between test and sleep is not lost; wait_event() does exactly that.
// One IrqSpinLock a queue guards its list; wakes may come from interrupt handlers.
#pragma once

#include "core/list.h"
#include "core/result.h"
#include "core/types.h"
#include "sync/parking.h"
#include "sync/spin_lock.h"

namespace tine {

struct Waiter;
using WakeFunction = bool (*)(Waiter& waiter, uint32_t events);  // true: counts as a wake-up

struct Waiter {
  ListNode node;
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
  void wake(unsigned exclusive_limit = 1, uint32_t events = 0, WakeMode mode = WakeMode::any);
  void wake_all(uint32_t events = 0) { wake(0, events); }
  bool is_empty() const;               // a hint, without the lock

 private:
  mutable IrqSpinLock lock_{LockRank::wait_queue};
  List<Waiter, &Waiter::node> waiters_ GUARDED_BY(lock_);
};

enum class WaitKind : uint8_t { uninterruptible, killable, interruptible };

// Sleeps until condition() is true. Fails with restart_sys when a signal (killable: a fatal one)
// arrives first, and with timedout at `deadline`.
template <class Condition>
Result<void> wait_event(WaitQueue& queue, WaitKind kind, Condition&& condition,
                        Nanoseconds deadline = kNever, bool exclusive = false) {
  if (condition()) return {};
  Waiter waiter{.task = arch::current_schedulable(), .exclusive = exclusive};
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
  return outcome;
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
