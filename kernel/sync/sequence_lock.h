// SPDX-License-Identifier: MIT
//
// Sequence locks: data that is read often and changed rarely. A reader takes no lock and writes to
// nothing: it reads, and reads again if a change came in between. Writers exclude each other by a
// spin lock, with interrupts off, so that a reader in an interrupt handler never waits for the task
// it has interrupted. A reader waits only while a change is under way on another CPU.
//
//   const Time seen = lock.read([] { return Time{offset, changes}; });   // may run several times
//   SequenceGuard guard(lock);                                           // writer
//
// What is read so must be readable while it changes: numbers are Hint<T> (sync/hint.h) or relaxed
// atomics, what is pointed at stays until no reader can see it (sync/reclaim.h). What a reader has
// seen it may trust only after the sequence has turned out unchanged.
//
// SequenceCount is the count alone, for writers that have a lock of their own. Nothing here fails.
#pragma once

#include <atomic>
#include <cstdint>

#include "arch/cpu.h"
#include "core/panic.h"
#include "sync/spin_lock.h"

namespace tine {

class SequenceCount {
 public:
  // Reader: what to give to is_unchanged(). Waits for a change that is under way.
  uint32_t begin_read() const {
    uint32_t seen;
    while ((seen = count_.load(std::memory_order_acquire)) & 1) arch::cpu_relax();
    return seen;
  }
  // True: all that was read since begin_read() belongs together. A reference that the reader has taken
  // before is seen by a writer who counts behind a full barrier after begin_change().
  bool is_unchanged(uint32_t since) const {
    std::atomic_thread_fence(std::memory_order_acquire);
    return count_.load(std::memory_order_seq_cst) == since;
  }

  // Writer, around the change; the caller's lock excludes other writers, preemption is off.
  void begin_change() {
    TINE_DEBUG_ASSERT((count_.load(std::memory_order_relaxed) & 1) == 0);  // changes do not nest
    count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
  }
  void end_change() {
    count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

 private:
  std::atomic<uint32_t> count_{0};  // odd: a change is under way
};

class CAPABILITY("sequence lock") SequenceLock {
 public:
  constexpr explicit SequenceLock(LockRank rank) : lock_(rank) {}

  // What look() has returned, which it has seen between two changes.
  template <class Look>
  auto read(Look&& look) const {
    for (;;) {
      const uint32_t since = count_.begin_read();
      auto seen = look();
      if (count_.is_unchanged(since)) [[likely]]
        return seen;
    }
  }

  [[nodiscard]] arch::IrqState lock() ACQUIRE() NO_THREAD_SAFETY_ANALYSIS {
    const arch::IrqState state = lock_.lock();
    count_.begin_change();
    return state;
  }
  void unlock(arch::IrqState state) RELEASE() NO_THREAD_SAFETY_ANALYSIS {
    count_.end_change();
    lock_.unlock(state);
  }

 private:
  SequenceCount count_;
  IrqSpinLock lock_;
};

class SCOPED_CAPABILITY SequenceGuard {
 public:
  explicit SequenceGuard(SequenceLock& lock) ACQUIRE(lock) : lock_(lock), state_(lock_.lock()) {}
  ~SequenceGuard() RELEASE() { lock_.unlock(state_); }
  SequenceGuard(const SequenceGuard&) = delete;
  SequenceGuard& operator=(const SequenceGuard&) = delete;

 private:
  SequenceLock& lock_;
  arch::IrqState state_;
};

}  // namespace tine
