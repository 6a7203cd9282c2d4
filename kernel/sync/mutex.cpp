// SPDX-License-Identifier: MIT
//
// The contended paths of the sleeping locks. Waiters are exclusive (a reader is not), so that an
// unlock wakes one writer. The fast paths, and which atomics pair with which, are in mutex.h:
// an unlock's exchange comes before its look at the queue, a waiter queues before it tries again.
// A Mutex that is handed over has no owner, and marks that keep all but the first waiter away;
// whoever stops being first without having taken it sees to it that the next one looks.
#include "sync/mutex.h"

namespace tine {

// For one that is queued or about to be: takes the lock, or leaves word that somebody waits.
bool Mutex::try_queued(const Waiter& waiter, unsigned& tries) {
  constexpr unsigned kPatience = 3;  // before it is queued, before it sleeps, when it is woken
  const uintptr_t marks = tries++ < kPatience ? kMayWait : kMarks;
  uintptr_t seen = owner_.load(std::memory_order_relaxed);
  for (;;) {
    if ((seen & ~kMarks) == 0) {
      if ((seen & kHandOff) && !waiters_.is_first(waiter)) return false;
      if (owner_.compare_exchange_weak(seen, self() | kMayWait, std::memory_order_acq_rel)) {
        return true;
      }
    } else if ((seen & marks) == marks ||
               owner_.compare_exchange_weak(seen, seen | marks, std::memory_order_relaxed)) {
      return false;
    }
  }
}

// The first in the queue is woken. Should it give up, it wakes the next, who is first then.
void Mutex::unlock_slow() {
  uintptr_t seen = owner_.load(std::memory_order_relaxed);
  while (!owner_.compare_exchange_weak(seen, seen & kHandOff ? kMarks : 0,
                                       std::memory_order_release)) {
  }
  waiters_.wake();
}

// True: taken. Not while others wait already, who came before, and not for long: an owner that takes
// it again and again is faster than who spins, and hands it over only to one that waits. The owner
// is looked at only while it is the owner; preemption is off, so that it cannot have come and gone in
// between for long.
bool Mutex::spin_while_owner_runs() {
  constexpr unsigned kMostSpins = 1000;
  PreemptGuard stay;
  for (unsigned spins = 0; spins < kMostSpins; ++spins) {
    uintptr_t seen = owner_.load(std::memory_order_acquire);  // with what the owner is
    if (seen == 0) {
      if (try_take()) return true;
      continue;
    }
    if ((seen & kMayWait) || arch::need_resched()) return false;
    if (!is_on_cpu(*reinterpret_cast<const sched::Schedulable*>(seen))) return false;
    arch::cpu_relax();
  }
  return false;
}

Result<void> Mutex::wait_for_turn(WaitKind kind) {
  Waiter waiter{.task = arch::current_schedulable(), .exclusive = true};
  unsigned tries = 0;
  if (try_queued(waiter, tries)) return {};
  return sleep_until(waiters_, waiter, kind, [&] { return try_queued(waiter, tries); });
}

void Mutex::lock_slow() {
  if (!spin_while_owner_runs()) (void)wait_for_turn(WaitKind::uninterruptible);
}

Result<void> Mutex::lock_slow_killable() {
  LockWait waiting(rank_);
  if (spin_while_owner_runs()) return {};
  return wait_for_turn(WaitKind::killable);
}

Result<void> Mutex::lock_killable() {
  note_mutex_acquired(rank_);
  Result<void> outcome = try_take() ? Result<void>() : lock_slow_killable();
  if (outcome) {
    hold_.begin(rank_);
    return {};
  }
  note_mutex_released(rank_);
  // It may have been handed over to us alone.
  uintptr_t reserved = kMarks;
  if (owner_.compare_exchange_strong(reserved, 0, std::memory_order_relaxed)) waiters_.wake();
  return outcome;
}

void RwMutex::lock_slow() {
  writers_waiting_.fetch_add(1);
  (void)wait_event(
      waiters_, WaitKind::uninterruptible, [this] { return try_write(); }, kNever,
      /*exclusive=*/true);
  writers_waiting_.fetch_sub(1);
}

void RwMutex::lock_shared_slow() {
  (void)wait_event(waiters_, WaitKind::uninterruptible, [this] { return try_read(); });
}

}  // namespace tine
