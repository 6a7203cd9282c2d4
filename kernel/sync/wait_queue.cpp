// SPDX-License-Identifier: MIT
//
// Wait queues and completions; see wait_queue.h for the order of wake-ups and the waiting pattern.
//
// A waiter usually lives on its task's stack and is only unlinked by that task, under the queue's
// lock; so under the lock every queued waiter, and its task, is alive. Nothing here fails.
//
// An exclusive waiter that finds its condition true by itself may be woken at that moment, and so be
// the one that a wake-up reaches which was for the next in line. Whoever waits so, and leaves
// something behind for others, wakes them: pipes do, and whoever gives a Mutex back.
#include "sync/wait_queue.h"

namespace tine {

void WaitQueue::insert_locked(Waiter& waiter, Waiter* before) {
  waiter.next = before;
  waiter.previous = before ? before->previous : last_;
  (waiter.previous ? waiter.previous->next : first_) = &waiter;
  (before ? before->previous : last_) = &waiter;
  waiter.queued = true;
  queued_.store(queued_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

void WaitQueue::add(Waiter& waiter) {
  IrqGuard guard(lock_);
  insert_locked(waiter, waiter.exclusive ? nullptr : first_);
}

void WaitQueue::remove(Waiter& waiter) {
  IrqGuard guard(lock_);
  if (!waiter.queued) return;
  (waiter.previous ? waiter.previous->next : first_) = waiter.next;
  (waiter.next ? waiter.next->previous : last_) = waiter.previous;
  waiter.queued = false;
  queued_.store(queued_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
}

bool WaitQueue::is_first(const Waiter& waiter) const {
  IrqGuard guard(lock_);
  return first_ == &waiter;
}

void WaitQueue::wake_waiters(unsigned exclusive_limit, uint32_t events, WakeMode mode) {
  IrqGuard guard(lock_);
  wake_locked(exclusive_limit, events, mode);
}

void WaitQueue::wake_locked(unsigned exclusive_limit, uint32_t events, WakeMode mode) {
  unsigned exclusive_woken = 0;
  for (Waiter *next, *i = first_; i != nullptr; i = next) {
    next = i->next;  // a waiter that is woken may be gone afterwards
    Waiter& waiter = *i;
    if (events != 0 && waiter.events != 0 && (events & waiter.events) == 0) continue;
    bool woken = waiter.wake ? waiter.wake(waiter, events) : wake_up(*waiter.task, mode);
    if (woken && waiter.exclusive && ++exclusive_woken == exclusive_limit) return;
  }
}

void Completion::complete() {
  IrqGuard guard(queue_.lock_);
  done_.store(true, std::memory_order_release);
  queue_.wake_locked(0, 0, WakeMode::any);
}

Result<void> Completion::wait_as(WaitKind kind) {
  TRY(wait_event(queue_, kind, [this] { return is_done(); }));
  // complete() may still hold the lock. Once we have had it, nobody touches this object any more.
  IrqGuard guard(queue_.lock_);
  return {};
}

}  // namespace tine
