// SPDX-License-Identifier: MIT
//
// Spin locks. SpinLock turns preemption off while held; IrqSpinLock also turns interrupts off and
// is the one to use for anything that an interrupt handler takes. Nothing under them may sleep or
// touch user memory.
//
// Both carry a rank (sync/lock_rank.h), checked at run time in debug builds, and Clang's
// capability annotations, checked at compile time. Take them through SpinGuard / IrqGuard.
#pragma once

#include <cstdint>

#include "arch/cpu.h"
#include "core/types.h"
#include "sync/lock_rank.h"
#include "sync/lock_statistics.h"
#include "sync/preempt.h"
#include "sync/thread_safety.h"

namespace tine {

// A lock that its waiters get in the order they came, as long as their CPUs run. The host may have
// taken the CPU from the one whose turn it is; a lock that stays free for kPatience looks goes to
// whoever looks, so that one CPU which does not run does not hold up all others. That one keeps its
// place. Without waiters the lock is one compare-and-exchange to take and one store to release.
class RawSpinLock {
 public:
  void acquire() {
    if (!try_acquire()) wait();
  }
  bool try_acquire() { return change(0, kHeld); }
  void release() { __atomic_store_n(held_byte(), uint8_t{0}, __ATOMIC_RELEASE); }
  bool is_held() const { return (state() & kHeld) != 0; }

  // For who has tried in vain.
  void wait();
  // The same with relax() between two looks and as much patience.
  template <class Relax>
  void wait(unsigned patience, Relax relax) {
    __atomic_fetch_add(&state_, kWaiter, __ATOMIC_RELAXED);
    const uint8_t ticket = __atomic_fetch_add(&next_ticket_, uint8_t{1}, __ATOMIC_RELAXED);
    for (unsigned passed_over = 0;; relax()) {
      const uint16_t seen = state();
      if ((seen & kHeld) != 0) continue;
      const bool in_turn = static_cast<int8_t>(turns_given() - ticket) >= 0;
      if (!in_turn && ++passed_over < patience) continue;
      if (change(seen, static_cast<uint16_t>(seen - kWaiter + kHeld))) break;
    }
    // The turn of whoever is passed over has come too, from now on. Only the holder writes this.
    __atomic_store_n(&turns_given_, static_cast<uint8_t>(turns_given() + 1), __ATOMIC_RELAXED);
  }
  unsigned waiters() const { return state() / kWaiter; }

 private:
  // The state: in its low byte whether the lock is held, in the other how many wait.
  static constexpr uint16_t kHeld = 1, kWaiter = 0x100;
  static_assert(kMaxCpus < 128, "so that places in the line can be compared");

  uint16_t state() const { return __atomic_load_n(&state_, __ATOMIC_RELAXED); }
  uint8_t turns_given() const { return __atomic_load_n(&turns_given_, __ATOMIC_RELAXED); }
  uint8_t* held_byte() { return reinterpret_cast<uint8_t*>(&state_); }  // little-endian
  bool change(uint16_t from, uint16_t to) {
    return __atomic_compare_exchange_n(&state_, &from, to, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
  }

  uint16_t state_ = 0;
  uint8_t next_ticket_ = 0;
  uint8_t turns_given_ = 0;  // all tickets up to this one may take the lock
};

// Whether interrupts are off while the lock is held, since their handlers may take it.
enum class Holder : bool { with_interrupts, irqs_off };

#ifdef TINE_DEBUG
void note_spin_acquired(LockRank rank, Holder holder);  // panics on a violation of the order
void note_spin_tried(LockRank rank, Holder holder);  // cannot deadlock: the order is not checked
void note_spin_released(LockRank rank);
#else
inline void note_spin_tried(LockRank, Holder) {}
inline void note_spin_acquired(LockRank, Holder) {}
inline void note_spin_released(LockRank) {}
#endif

// With the check of the order and the statistics, which most builds do without.
template <Holder holder>
class RankedSpinLock {
 public:
  constexpr explicit RankedSpinLock(LockRank rank) : rank_(rank) {}

  void acquire() {
    note_spin_acquired(rank_, holder);
    take();
  }
  void acquire_nested() {
    note_spin_tried(rank_, holder);
    take();
  }
  bool try_acquire() {
    if (!lock_.try_acquire()) return false;
    note_spin_tried(rank_, holder);
    hold_.begin(rank_);
    return true;
  }
  void release() {
    note_spin_released(rank_);  // first: once released, the lock may be freed by its next owner
    hold_.end(rank_);
    lock_.release();
  }
  unsigned waiters() const { return lock_.waiters(); }

 private:
  void take() {
    if (!lock_.try_acquire()) {
      LockWait waiting(rank_);
      lock_.wait();
    }
    hold_.begin(rank_);
  }

  RawSpinLock lock_;
  LockRank rank_;
  [[no_unique_address]] LockHold hold_;
};

class CAPABILITY("spin lock") SpinLock {
 public:
  constexpr explicit SpinLock(LockRank rank) : raw_(rank) {}
  SpinLock(const SpinLock&) = delete;
  SpinLock& operator=(const SpinLock&) = delete;

  void lock() ACQUIRE() NO_THREAD_SAFETY_ANALYSIS {
    preempt_disable();
    raw_.acquire();
  }
  bool try_lock() TRY_ACQUIRE(true) NO_THREAD_SAFETY_ANALYSIS {
    preempt_disable();
    if (raw_.try_acquire()) return true;
    preempt_enable();
    return false;
  }
  void unlock() RELEASE() NO_THREAD_SAFETY_ANALYSIS {
    raw_.release();
    preempt_enable();
  }
  // Somebody has use for this CPU or for the lock: who holds it for long had better let go of it.
  bool is_wanted() const { return arch::need_resched() || raw_.waiters() != 0; }
  void assert_held() const ASSERT_CAPABILITY(this) {}

 private:
  RankedSpinLock<Holder::with_interrupts> raw_;
};

class CAPABILITY("irq spin lock") IrqSpinLock {
 public:
  constexpr explicit IrqSpinLock(LockRank rank) : raw_(rank) {}
  IrqSpinLock(const IrqSpinLock&) = delete;
  IrqSpinLock& operator=(const IrqSpinLock&) = delete;

  [[nodiscard]] arch::IrqState lock() ACQUIRE() NO_THREAD_SAFETY_ANALYSIS {
    arch::IrqState state = arch::irq_save();
    lock_irqs_off();
    return state;
  }
  void unlock(arch::IrqState state) RELEASE() NO_THREAD_SAFETY_ANALYSIS {
    raw_.release();
    arch::irq_restore(state);
    preempt_enable();
  }
  // For callers that have interrupts off already, such as the scheduler.
  void lock_irqs_off() ACQUIRE() NO_THREAD_SAFETY_ANALYSIS {
    preempt_disable();
    raw_.acquire();
  }
  // A second lock of the rank that is held already, by callers that order the two themselves (by
  // address). Interrupts are off; given back by unlock_irqs_off().
  void lock_nested() ACQUIRE() NO_THREAD_SAFETY_ANALYSIS {
    preempt_disable();
    raw_.acquire_nested();
  }
  // Interrupts are off. Cannot deadlock, so a lock of the same rank may be held.
  bool try_lock_irqs_off() TRY_ACQUIRE(true) NO_THREAD_SAFETY_ANALYSIS {
    preempt_disable();
    if (raw_.try_acquire()) return true;
    preempt_enable_no_resched();
    return false;
  }
  // Leaves interrupts as they are and does not reschedule.
  void unlock_irqs_off() RELEASE() NO_THREAD_SAFETY_ANALYSIS {
    raw_.release();
    preempt_enable_no_resched();
  }
  void assert_held() const ASSERT_CAPABILITY(this) {}

 private:
  RankedSpinLock<Holder::irqs_off> raw_;
};

class SCOPED_CAPABILITY SpinGuard {
 public:
  explicit SpinGuard(SpinLock& lock) ACQUIRE(lock) : lock_(lock) { lock_.lock(); }
  ~SpinGuard() RELEASE() { lock_.unlock(); }
  // In the midst of something long, where nothing is known of what the lock guards: lets go of it
  // for a moment if somebody waits.
  void let_others() NO_THREAD_SAFETY_ANALYSIS {
    if (!lock_.is_wanted()) [[likely]]
      return;
    lock_.unlock();
    lock_.lock();
  }
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
