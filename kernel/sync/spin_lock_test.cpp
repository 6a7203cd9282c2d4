// SPDX-License-Identifier: MIT
//
// The spin lock with threads of the host as CPUs: exclusion, the order of those who wait, and that
// a waiter which does not run holds up nobody. Run under TSan too.
#include "sync/spin_lock.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

namespace tine {
namespace {

constexpr unsigned kEndless = ~0u;

void give_way() { std::this_thread::yield(); }

TEST(SpinLock, Excludes) {
  constexpr int kThreads = 4, kRounds = 20'000;
  for (unsigned patience : {1u, 100u, kEndless}) {
    RawSpinLock lock;
    int entered = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (int round = 0; round < kRounds; ++round) {
          if (!lock.try_acquire()) lock.wait(patience, give_way);
          ++entered;
          lock.release();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(entered, kThreads * kRounds);
    EXPECT_FALSE(lock.is_held());
    EXPECT_EQ(lock.waiters(), 0u);
  }
}

// More than once around the numbers of the tickets.
TEST(SpinLock, ServesInOrder) {
  constexpr unsigned kWaiters = 6;
  RawSpinLock lock;
  for (int round = 0; round < 50; ++round) {
    std::vector<unsigned> order;
    std::vector<std::thread> threads;
    std::array<std::atomic<bool>, kWaiters> has_ticket{};
    lock.acquire();
    for (unsigned i = 0; i < kWaiters; ++i) {
      threads.emplace_back([&, i] {
        lock.wait(kEndless, [&, i] {
          has_ticket[i] = true;
          give_way();
        });
        order.push_back(i);
        lock.release();
      });
      while (!has_ticket[i]) give_way();
      EXPECT_FALSE(lock.try_acquire());
    }
    lock.release();
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(order, (std::vector<unsigned>{0, 1, 2, 3, 4, 5}));
  }
}

// Whoever comes while somebody waits does not get the lock before.
TEST(SpinLock, NewcomersStandInLine) {
  RawSpinLock lock;
  lock.acquire();
  std::atomic<bool> asleep{false}, awake{false};
  std::thread waiter([&] {
    lock.wait(kEndless, [&] {
      asleep = true;
      while (!awake) give_way();
    });
    lock.release();
  });
  while (!asleep) give_way();
  lock.release();
  EXPECT_FALSE(lock.is_held());
  EXPECT_FALSE(lock.try_acquire());
  awake = true;
  waiter.join();
  EXPECT_TRUE(lock.try_acquire());
}

TEST(SpinLock, PassesOverAWaiterThatDoesNotRun) {
  RawSpinLock lock;
  lock.acquire();
  std::atomic<bool> asleep{false}, awake{false};
  bool had_it = false;
  std::thread waiter([&] {
    lock.wait(100, [&] {
      asleep = true;
      while (!awake) give_way();
    });
    had_it = true;
    lock.release();
  });
  while (!asleep) give_way();
  lock.release();
  for (int i = 0; i < 1000; ++i) {  // so often that places in the line come around
    unsigned looks = 0;
    lock.wait(100, [&] { ++looks; });
    EXPECT_LE(looks, 100u);
    EXPECT_FALSE(had_it);
    lock.release();
  }
  awake = true;
  waiter.join();
  EXPECT_TRUE(had_it);
  EXPECT_EQ(lock.waiters(), 0u);
}

}  // namespace
}  // namespace tine
