// SPDX-License-Identifier: MIT
//
// Sleeping locks: mutual exclusion under random interleavings, readers and writers, killable
// waiting, and that a violation of the lock order panics in debug builds.
#include "sync/mutex.h"

#include <gtest/gtest.h>

#include "arch/hosted/kernel_threads.h"
#include "core/testing.h"
#include "sched/sched.h"
#include "sync/spin_lock.h"

namespace tine {
namespace {

using arch::hosted::KernelThread;
using arch::hosted::ThreadMachine;

TEST(Mutex, ExcludesUnderRandomInterleavings) {
  for_each_seed(10'000, [&](uint64_t seed) {
    ThreadMachine machine({.memory_bytes = 0, .cpus = 2, .seed = seed, .preempt_one_in = 10});
    Mutex mutex(LockRank::inode);
    int inside = 0, entered = 0;
    for (int t = 0; t < 4; ++t) {
      machine.start([&] {
        for (int i = 0; i < 20; ++i) {
          MutexGuard guard(mutex);
          EXPECT_EQ(++inside, 1);
          sched::yield();
          --inside;
          ++entered;
        }
      });
    }
    machine.run();
    ASSERT_TRUE(machine.all_finished());
    EXPECT_EQ(entered, 80);
  });
}

// A task that takes the Mutex again as soon as it has given it up, on another CPU than the waiter,
// is nearly always faster than one that must be woken first; yet the waiter gets its turn.
TEST(Mutex, IsHandedOverToAWaiterThatStarves) {
  constexpr int kRounds = 2000, kMostRoundsWaited = 500;  // most of them go by while it spins
  for_each_seed(1'000, [&](uint64_t seed) {
    ThreadMachine machine({.memory_bytes = 0, .cpus = 3, .seed = seed});
    Mutex mutex(LockRank::inode);
    int rounds = 0, waited = -1;
    machine.start([&] {
      for (; rounds < kRounds; ++rounds) {
        MutexGuard guard(mutex);
        for (int i = 0; i < 20; ++i) arch::poll_relax();
      }
    });
    machine.start([&] {
      while (rounds < 3) arch::poll_relax();
      const int first = rounds;
      MutexGuard guard(mutex);
      waited = rounds - first;
    });
    machine.run();
    ASSERT_TRUE(machine.all_finished());
    EXPECT_GE(waited, 0);
    EXPECT_LE(waited, kMostRoundsWaited);
  });
}

// Whoever a Mutex was handed over to may be killed before it takes it.
TEST(Mutex, HandedOverToOneThatGivesUpStaysUsable) {
  for_each_seed(10'000, [&](uint64_t seed) {
    ThreadMachine machine({.memory_bytes = 0, .cpus = 3, .seed = seed, .preempt_one_in = 10});
    Mutex mutex(LockRank::inode);
    KernelThread* victims[2];
    int entered = 0;
    for (KernelThread*& victim : victims) {
      victim = &machine.start([&] {
        if (!mutex.lock_killable()) return;
        mutex.assert_held();
        ++entered;
        mutex.unlock();
      });
    }
    machine.start([&] {
      for (int i = 0; i < 30; ++i) {
        if (i == 15) {
          for (KernelThread* victim : victims) {
            victim->task.work.fetch_or(sched::kWorkFatalSignal);
            wake_up(victim->task, WakeMode::fatal);
          }
        }
        MutexGuard guard(mutex);
        arch::poll_relax();
      }
    });
    machine.run();
    ASSERT_TRUE(machine.all_finished());
    const bool is_free = mutex.try_lock();
    EXPECT_TRUE(is_free);
    if (is_free) mutex.unlock();
  });
}

TEST(Mutex, KillableWaiterGivesUp) {
  ThreadMachine machine;
  Mutex mutex(LockRank::inode);
  bool release = false;
  WaitQueue queue;
  Result<void> outcome;
  machine.start([&] {
    MutexGuard guard(mutex);
    (void)wait_event(queue, WaitKind::uninterruptible, [&] { return release; });
  });
  machine.run();
  KernelThread& waiter = machine.start([&] { outcome = mutex.lock_killable(); });
  machine.run();
  waiter.task.work.fetch_or(sched::kWorkFatalSignal);
  wake_up(waiter.task, WakeMode::fatal);
  machine.run();
  EXPECT_EQ(outcome.error(), Errno::restart_sys);
  release = true;
  queue.wake();
  machine.run();
  bool free_again = mutex.try_lock();
  EXPECT_TRUE(free_again);
  if (free_again) mutex.unlock();
}

TEST(RwMutex, ReadersShareAndWritersExclude) {
  int most_readers = 0;
  const uint64_t runs = for_each_seed(10'000, [&](uint64_t seed) {
    ThreadMachine machine({.memory_bytes = 0, .cpus = 2, .seed = seed, .preempt_one_in = 10});
    RwMutex lock(LockRank::mmap);
    int readers = 0, writers = 0;
    for (int t = 0; t < 3; ++t) {
      machine.start([&] {
        for (int i = 0; i < 15; ++i) {
          ReadGuard guard(lock);
          EXPECT_EQ(writers, 0);
          most_readers = std::max(most_readers, ++readers);
          sched::yield();
          --readers;
        }
      });
    }
    for (int t = 0; t < 2; ++t) {
      machine.start([&] {
        for (int i = 0; i < 15; ++i) {
          WriteGuard guard(lock);
          EXPECT_EQ(++writers, 1);
          EXPECT_EQ(readers, 0);
          sched::yield();
          --writers;
        }
      });
    }
    machine.run();
    ASSERT_TRUE(machine.all_finished());
  });
  EXPECT_TRUE(most_readers > 1 || runs < 10);
}

TEST(RwMutex, DowngradeLetsReadersIn) {
  ThreadMachine machine;
  RwMutex lock(LockRank::mmap);
  bool reader_was_in = false;
  machine.start([&] {
    lock.lock();
    sched::yield();
    EXPECT_FALSE(reader_was_in);
    lock.downgrade();
    for (int i = 0; i < 3; ++i) sched::yield();
    EXPECT_TRUE(reader_was_in);
    lock.unlock_shared();
  });
  machine.start([&] {
    ReadGuard guard(lock);
    reader_was_in = true;
  });
  machine.run();
  EXPECT_TRUE(machine.all_finished());
}

#ifdef TINE_DEBUG
TEST(LockRankDeathTest, WrongOrderPanics) {
  ThreadMachine machine;
  SpinLock low(LockRank::files), high(LockRank::page_table), equal(LockRank::files);
  Mutex sleeping(LockRank::inode), lower_sleeping(LockRank::directory);
  EXPECT_DEATH(
      {
        SpinGuard a(high);
        SpinGuard b(low);
      },
      "lock order");
  EXPECT_DEATH(
      {
        SpinGuard a(low);
        SpinGuard b(equal);
      },
      "lock order");
  EXPECT_DEATH(
      {
        MutexGuard a(sleeping);
        MutexGuard b(lower_sleeping);
      },
      "lock order");
  EXPECT_DEATH(
      {
        SpinGuard a(high);
        MutexGuard b(sleeping);
      },
      "under a spin lock");
  IrqSpinLock irqs_off(LockRank::sighand);
  EXPECT_DEATH(
      {
        IrqGuard a(irqs_off);
        SpinGuard b(high);
      },
      "which may be interrupted");
  SpinGuard a(low);
  SpinGuard b(high);
}

TEST(LockRank, IrqSpinLocksMayBeTakenUnderBothKinds) {
  ThreadMachine machine;
  SpinLock outer(LockRank::files);
  IrqSpinLock middle(LockRank::terminal), inner(LockRank::run_queue);
  SpinGuard a(outer);
  IrqGuard b(middle);
  IrqGuard c(inner);
}
#endif

}  // namespace
}  // namespace tine
