// SPDX-License-Identifier: MIT
//
// The contended paths of the sleeping locks. Waiters are exclusive (a reader is not), so that an
// unlock wakes one writer. The fast paths, and which atomics pair with which, are in mutex.h:
// an unlock's exchange comes before its look at the queue, a waiter queues before it tries again.
#include "sync/mutex.h"

namespace tine {

// For a waiter that is queued already: takes the lock, or leaves word that somebody waits.
bool Mutex::try_contended() {
  uintptr_t seen = owner_.load(std::memory_order_relaxed);
  for (;;) {
    if (seen == 0) {
      if (try_take(kMayWait)) return true;
      seen = owner_.load(std::memory_order_relaxed);
    } else if ((seen & kMayWait) ||
               owner_.compare_exchange_weak(seen, seen | kMayWait, std::memory_order_relaxed)) {
      return false;
    }
  }
}

// True: taken. Not while others wait already, who came before. The owner is looked at only while
// it is the owner; preemption is off, so that it cannot have come and gone in between for long.
bool Mutex::spin_while_owner_runs() {
  PreemptGuard stay;
  for (;;) {
    uintptr_t seen = owner_.load(std::memory_order_relaxed);
    if (seen == 0) {
      if (try_take(0)) return true;
      continue;
    }
    if ((seen & kMayWait) || arch::need_resched()) return false;
    if (!is_on_cpu(*reinterpret_cast<const sched::Schedulable*>(seen))) return false;
    arch::cpu_relax();
  }
}

void Mutex::lock_slow() {
  if (spin_while_owner_runs()) return;
  (void)wait_event(
      waiters_, WaitKind::uninterruptible, [this] { return try_contended(); }, kNever,
      /*exclusive=*/true);
}

Result<void> Mutex::lock_killable() {
  note_mutex_acquired(rank_);
  if (try_take(0) || spin_while_owner_runs()) return {};
  Result<void> outcome = wait_event(
      waiters_, WaitKind::killable, [this] { return try_contended(); }, kNever, /*exclusive=*/true);
  if (!outcome) note_mutex_released(rank_);
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
