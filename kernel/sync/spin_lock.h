// SPDX-License-Identifier: MIT
//
// Spin locks. SpinLock turns preemption off while held; IrqSpinLock also turns interrupts off and
// is the one to use for anything that an interrupt handler takes. Nothing under them may sleep or
// touch user memory.
//
// Both carry a rank (sync/lock_rank.h), checked at run time in debug builds, and Clang's
// capability annotations, checked at compile time. Take them through SpinGuard / IrqGuard.
#pragma once

#include <atomic>

#include "arch/cpu.h"
#include "sync/lock_rank.h"
#include "sync/preempt.h"
#include "sync/thread_safety.h"

namespace tine {

// A ticket lock: waiters get it in the order they came.
class RawSpinLock {
 public:
  void acquire() {
    uint16_t ticket = next_.fetch_add(1, std::memory_order_relaxed);
    while (serving_.load(std::memory_order_acquire) != ticket) arch::cpu_relax();
  }
  bool try_acquire() {
    uint16_t serving = serving_.load(std::memory_order_relaxed);
    return next_.compare_exchange_strong(serving, static_cast<uint16_t>(serving + 1),
                                         std::memory_order_acquire);
  }
  void release() {
    serving_.store(static_cast<uint16_t>(serving_.load(std::memory_order_relaxed) + 1),
                   std::memory_order_release);
  }
  bool is_held() const { return next_.load() != serving_.load(); }

 private:
  std::atomic<uint16_t> next_{0};
  std::atomic<uint16_t> serving_{0};
};

#ifdef TINE_DEBUG
void note_spin_acquired(LockRank rank);  // panics on a violation of the order
void note_spin_tried(LockRank rank);     // cannot deadlock, so the order is not checked
void note_spin_released(LockRank rank);
#else
inline void note_spin_tried(LockRank) {}
inline void note_spin_acquired(LockRank) {}
inline void note_spin_released(LockRank) {}
#endif

class CAPABILITY("spin lock") SpinLock {
 public:
  constexpr explicit SpinLock(LockRank rank) : rank_(rank) {}
  SpinLock(const SpinLock&) = delete;
  SpinLock& operator=(const SpinLock&) = delete;

  void lock() ACQUIRE() NO_THREAD_SAFETY_ANALYSIS {
    preempt_disable();
    note_spin_acquired(rank_);
    raw_.acquire();
  }
  bool try_lock() TRY_ACQUIRE(true) NO_THREAD_SAFETY_ANALYSIS {
    preempt_disable();
    if (raw_.try_acquire()) {
      note_spin_tried(rank_);
      return true;
    }
    preempt_enable();
    return false;
  }
  void unlock() RELEASE() NO_THREAD_SAFETY_ANALYSIS {
    note_spin_released(rank_);  // first: once released, the lock may be freed by its next owner
    raw_.release();
    preempt_enable();
  }
  void assert_held() const ASSERT_CAPABILITY(this) {}

 private:
  RawSpinLock raw_;
  LockRank rank_;
};

class CAPABILITY("irq spin lock") IrqSpinLock {
 public:
  constexpr explicit IrqSpinLock(LockRank rank) : rank_(rank) {}
  IrqSpinLock(const IrqSpinLock&) = delete;
  IrqSpinLock& operator=(const IrqSpinLock&) = delete;

  [[nodiscard]] arch::IrqState lock() ACQUIRE() NO_THREAD_SAFETY_ANALYSIS {
    arch::IrqState state = arch::irq_save();
    lock_irqs_off();
    return state;
  }
  void unlock(arch::IrqState state) RELEASE() NO_THREAD_SAFETY_ANALYSIS {
    note_spin_released(rank_);  // first: once released, the lock may be freed by its next owner
    raw_.release();
    arch::irq_restore(state);
    preempt_enable();
  }
  // For callers that have interrupts off already, such as the scheduler.
  void lock_irqs_off() ACQUIRE() NO_THREAD_SAFETY_ANALYSIS {
    preempt_disable();
    note_spin_acquired(rank_);
    raw_.acquire();
  }
  // A second lock of the rank that is held already, by callers that order the two themselves (by
  // address). Interrupts are off; given back by unlock_irqs_off().
  void lock_nested() ACQUIRE() NO_THREAD_SAFETY_ANALYSIS {
    preempt_disable();
    note_spin_tried(rank_);
    raw_.acquire();
  }
  // Interrupts are off. Cannot deadlock, so a lock of the same rank may be held.
  bool try_lock_irqs_off() TRY_ACQUIRE(true) NO_THREAD_SAFETY_ANALYSIS {
    preempt_disable();
    if (raw_.try_acquire()) {
      note_spin_tried(rank_);
      return true;
    }
    preempt_enable_no_resched();
    return false;
  }
  // Leaves interrupts as they are and does not reschedule.
  void unlock_irqs_off() RELEASE() NO_THREAD_SAFETY_ANALYSIS {
    note_spin_released(rank_);
    raw_.release();
    preempt_enable_no_resched();
  }
  void assert_held() const ASSERT_CAPABILITY(this) {}

 private:
  RawSpinLock raw_;
  LockRank rank_;
};

class SCOPED_CAPABILITY SpinGuard {
 public:
  explicit SpinGuard(SpinLock& lock) ACQUIRE(lock) : lock_(lock) { lock_.lock(); }
  ~SpinGuard() RELEASE() { lock_.unlock(); }
  SpinGuard(const SpinGuard&) = delete;
  SpinGuard& operator=(const SpinGuard&) = delete;

 private:
  SpinLock& lock_;
};

class SCOPED_CAPABILITY IrqGuard {
 public:
  explicit IrqGuard(IrqSpinLock& lock) ACQUIRE(lock) : lock_(lock), state_(lock_.lock()) {}
  ~IrqGuard() RELEASE() { lock_.unlock(state_); }
  IrqGuard(const IrqGuard&) = delete;
  IrqGuard& operator=(const IrqGuard&) = delete;

 private:
  IrqSpinLock& lock_;
  arch::IrqState state_;
};

}  // namespace tine
