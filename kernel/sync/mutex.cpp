// SPDX-License-Identifier: MIT
//
// The contended paths of the sleeping locks. Waiters are exclusive (a reader is not), so that an
// unlock wakes one writer. The fast paths, and which atomics pair with which, are in mutex.h:
// an unlock's exchange comes before its look at the queue, a waiter queues before it tries again.
#include "sync/mutex.h"

namespace tine {

void Mutex::lock_slow() {
  auto try_contended = [this] { return state_.exchange(2, std::memory_order_acquire) == 0; };
  (void)wait_event(waiters_, WaitKind::uninterruptible, try_contended, kNever, /*exclusive=*/true);
}

Result<void> Mutex::lock_killable() {
  note_mutex_acquired(rank_);
  uint32_t unlocked = 0;
  if (state_.compare_exchange_strong(unlocked, 1, std::memory_order_acquire)) return {};
  auto try_contended = [this] { return state_.exchange(2, std::memory_order_acquire) == 0; };
  Result<void> outcome =
      wait_event(waiters_, WaitKind::killable, try_contended, kNever, /*exclusive=*/true);
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
