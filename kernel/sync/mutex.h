// SPDX-License-Identifier: MIT
//
// Sleeping locks: Mutex (one owner) and RwMutex (many readers or one writer, writers first).
// Taken in task context only. Uncontended they cost one atomic operation each way. Who finds a
// Mutex held by a task that runs on another CPU spins for it as long as that task runs, for it will
// soon be done; a switch away and back would cost more.
// Unlocking wakes the waiter that came first, though a newcomer may get in before it; one that was
// woken twice in vain asks for the Mutex to be handed over: at the next unlock it stays reserved
// for the first in the queue, so nobody starves beside tasks that take it again and again.
// Ranks are checked per task in debug builds. A reader must not take the same RwMutex again: it
// would wait for a writer that waits for it.
//
// The locks' own functions, here and in spin_lock.h, are what the static analysis takes for granted:
// it cannot see that an atomic operation acquires a capability (NO_THREAD_SAFETY_ANALYSIS).
#pragma once

#include <atomic>

#include "sync/lock_rank.h"
#include "sync/lock_statistics.h"
#include "sync/thread_safety.h"
#include "sync/wait_queue.h"

namespace tine {

#ifdef TINE_DEBUG
void note_mutex_acquired(LockRank rank);  // panics on a violation of the order
void note_mutex_tried(LockRank rank);     // cannot deadlock, so the order is not checked
void note_mutex_released(LockRank rank);
#else
inline void note_mutex_acquired(LockRank) {}
inline void note_mutex_tried(LockRank) {}
inline void note_mutex_released(LockRank) {}
#endif

class CAPABILITY("mutex") Mutex {
 public:
  constexpr explicit Mutex(LockRank rank) : rank_(rank) {}
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() ACQUIRE() NO_THREAD_SAFETY_ANALYSIS {
    note_mutex_acquired(rank_);
    if (!try_take()) {
      LockWait waiting(rank_);
      lock_slow();
    }
    hold_.begin(rank_);
  }
  // Fails with restart_sys on a fatal signal.
  Result<void> lock_killable() NO_THREAD_SAFETY_ANALYSIS;
  bool try_lock() TRY_ACQUIRE(true) NO_THREAD_SAFETY_ANALYSIS {
    if (!try_take()) return false;
    note_mutex_tried(rank_);
    hold_.begin(rank_);
    return true;
  }
  void unlock() RELEASE() NO_THREAD_SAFETY_ANALYSIS {
    note_mutex_released(rank_);
    hold_.end(rank_);
    uintptr_t held = self();
    if (!owner_.compare_exchange_strong(held, 0, std::memory_order_release)) [[unlikely]]
      unlock_slow();
  }
  void assert_held() const ASSERT_CAPABILITY(this) {}

 private:
  static constexpr uintptr_t kMayWait = 1;  // somebody
  static constexpr uintptr_t kHandOff = 2;  // who waits has waited for long
  static constexpr uintptr_t kMarks = kMayWait | kHandOff;

  static uintptr_t self() { return reinterpret_cast<uintptr_t>(arch::current_schedulable()); }
  bool try_take() {
    uintptr_t unlocked = 0;
    return owner_.compare_exchange_strong(unlocked, self(), std::memory_order_acq_rel);
  }
  bool try_queued(const Waiter& waiter, unsigned& tries);
  bool spin_while_owner_runs();
  Result<void> wait_for_turn(WaitKind kind);
  void lock_slow() NO_THREAD_SAFETY_ANALYSIS;
  Result<void> lock_slow_killable() NO_THREAD_SAFETY_ANALYSIS;
  void unlock_slow();

  // The owner with marks; without an owner 0: free, or kMarks: for the first in the queue.
  std::atomic<uintptr_t> owner_{0};
  LockRank rank_;
  [[no_unique_address]] LockHold hold_;
  WaitQueue waiters_;
};

class CAPABILITY("rw mutex") RwMutex {
 public:
  constexpr explicit RwMutex(LockRank rank) : rank_(rank) {}
  RwMutex(const RwMutex&) = delete;
  RwMutex& operator=(const RwMutex&) = delete;

  void lock() ACQUIRE() NO_THREAD_SAFETY_ANALYSIS {
    note_mutex_acquired(rank_);
    if (!try_write()) [[unlikely]] {
      LockWait waiting(rank_);
      lock_slow();
    }
    hold_.begin(rank_);
  }
  bool try_lock() TRY_ACQUIRE(true) NO_THREAD_SAFETY_ANALYSIS {
    if (!try_write()) return false;
    note_mutex_tried(rank_);
    hold_.begin(rank_);
    return true;
  }
  void unlock() RELEASE() NO_THREAD_SAFETY_ANALYSIS {
    note_mutex_released(rank_);
    hold_.end(rank_);
    state_.exchange(0);
    if (!waiters_.is_empty()) [[unlikely]] waiters_.wake();
  }
  void lock_shared() ACQUIRE_SHARED() NO_THREAD_SAFETY_ANALYSIS {
    note_mutex_acquired(rank_);
    if (!try_read()) [[unlikely]] {
      LockWait waiting(rank_);
      lock_shared_slow();
    }
    note_lock_shared(rank_);
  }
  void unlock_shared() RELEASE_SHARED() NO_THREAD_SAFETY_ANALYSIS {
    note_mutex_released(rank_);
    if (state_.fetch_sub(1) == 1 && !waiters_.is_empty()) [[unlikely]] waiters_.wake();
  }
  // Exclusive to shared; other readers may come in, unless a writer waits.
  void downgrade() RELEASE() ACQUIRE_SHARED() NO_THREAD_SAFETY_ANALYSIS {
    hold_.end(rank_);
    state_.exchange(1);
    if (!waiters_.is_empty()) [[unlikely]] waiters_.wake();
  }
  void assert_held() const ASSERT_CAPABILITY(this) {}

 private:
  static constexpr uint32_t kWriter = 1u << 31;

  bool try_write() {
    uint32_t free = 0;
    return state_.compare_exchange_strong(free, kWriter);
  }
  bool try_read() {
    uint32_t seen = state_.load(std::memory_order_relaxed);
    while (!(seen & kWriter) && writers_waiting_.load(std::memory_order_relaxed) == 0) {
      if (state_.compare_exchange_weak(seen, seen + 1)) return true;
    }
    return false;
  }
  void lock_slow() NO_THREAD_SAFETY_ANALYSIS;
  void lock_shared_slow() NO_THREAD_SAFETY_ANALYSIS;

  std::atomic<uint32_t> state_{0};          // number of readers, or kWriter
  std::atomic<uint32_t> writers_waiting_{0};
  LockRank rank_;
  [[no_unique_address]] LockHold hold_;  // a writer's
  WaitQueue waiters_;
};

class SCOPED_CAPABILITY MutexGuard {
 public:
  explicit MutexGuard(Mutex& lock) ACQUIRE(lock) : lock_(lock) { lock_.lock(); }
  ~MutexGuard() RELEASE() { lock_.unlock(); }
  MutexGuard(const MutexGuard&) = delete;
  MutexGuard& operator=(const MutexGuard&) = delete;

 private:
  Mutex& lock_;
};

class SCOPED_CAPABILITY WriteGuard {
 public:
  explicit WriteGuard(RwMutex& lock) ACQUIRE(lock) : lock_(lock) { lock_.lock(); }
  ~WriteGuard() RELEASE() { lock_.unlock(); }
  WriteGuard(const WriteGuard&) = delete;
  WriteGuard& operator=(const WriteGuard&) = delete;

 private:
  RwMutex& lock_;
};

class SCOPED_CAPABILITY ReadGuard {
 public:
  explicit ReadGuard(RwMutex& lock) ACQUIRE_SHARED(lock) : lock_(lock) { lock_.lock_shared(); }
  ~ReadGuard() RELEASE_GENERIC() { lock_.unlock_shared(); }
  ReadGuard(const ReadGuard&) = delete;
  ReadGuard& operator=(const ReadGuard&) = delete;

 private:
  RwMutex& lock_;
};

}  // namespace tine
