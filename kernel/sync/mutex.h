// SPDX-License-Identifier: MIT
//
// Sleeping locks: Mutex (one owner) and RwMutex (many readers or one writer, writers first).
// Taken in task context only. Uncontended they cost one atomic operation each way.
// Ranks are checked per task in debug builds.
#pragma once

#include <atomic>

#include "sync/lock_rank.h"
#include "sync/thread_safety.h"
#include "sync/wait_queue.h"

namespace tine {

#ifdef TINE_DEBUG
void note_mutex_acquired(LockRank rank);
void note_mutex_released(LockRank rank);
#else
inline void note_mutex_acquired(LockRank) {}
inline void note_mutex_released(LockRank) {}
#endif

class CAPABILITY("mutex") Mutex {
 public:
  constexpr explicit Mutex(LockRank rank) : rank_(rank) {}
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() ACQUIRE() NO_THREAD_SAFETY_ANALYSIS {
    note_mutex_acquired(rank_);
    uint32_t unlocked = 0;
    if (!state_.compare_exchange_strong(unlocked, 1, std::memory_order_acquire)) lock_slow();
  }
  // Fails with restart_sys on a fatal signal.
  Result<void> lock_killable() TRY_ACQUIRE(true);
  bool try_lock() TRY_ACQUIRE(true);
  void unlock() RELEASE() NO_THREAD_SAFETY_ANALYSIS {
    if (state_.exchange(0, std::memory_order_release) == 2) waiters_.wake();
    note_mutex_released(rank_);
  }
  void assert_held() const ASSERT_CAPABILITY(this) {}

 private:
  void lock_slow();
  std::atomic<uint32_t> state_{0};  // 0 free, 1 held, 2 held and somebody waits
  LockRank rank_;
  WaitQueue waiters_;
};

class CAPABILITY("rw mutex") RwMutex {
 public:
  constexpr explicit RwMutex(LockRank rank) : rank_(rank) {}
  RwMutex(const RwMutex&) = delete;
  RwMutex& operator=(const RwMutex&) = delete;

  void lock() ACQUIRE();
  void unlock() RELEASE();
  void lock_shared() ACQUIRE_SHARED();
  void unlock_shared() RELEASE_SHARED();
  void downgrade() NO_THREAD_SAFETY_ANALYSIS;  // exclusive to shared
  void assert_held() const ASSERT_CAPABILITY(this) {}

 private:
  std::atomic<uint32_t> state_{0};          // readers, or kWriter
  std::atomic<uint32_t> writers_waiting_{0};
  LockRank rank_;
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
