// SPDX-License-Identifier: MIT
//
// Sequence locks on simulated CPUs: a reader never sees half of a change, sees every change that
// was made before it began, and goes round once for each that comes in between. With real threads:
// parallel_test.cpp.
#include "sync/sequence_lock.h"

#include <gtest/gtest.h>

#include "arch/hosted/kernel_threads.h"
#include "core/testing.h"
#include "sync/hint.h"

namespace tine {
namespace {

using arch::hosted::ThreadMachine;

struct Pair {
  SequenceLock lock{LockRank::unranked};
  Hint<int> first, second;

  void set(int value) {
    SequenceGuard guard(lock);
    first = value;
    arch::poll_relax();  // another CPU goes on, in the middle of the change
    second = value;
  }
};

TEST(SequenceLock, ReadersSeeNoHalfChange) {
  for_each_seed(10'000, [&](uint64_t seed) {
    ThreadMachine machine({.memory_bytes = 0, .cpus = 3, .seed = seed, .preempt_one_in = 5});
    Pair pair;
    int rounds = 0, reads = 0;
    for (int writer = 0; writer < 2; ++writer) {
      machine.start([&pair, writer] {
        for (int i = 0; i < 10; ++i) pair.set(writer * 100 + i);
      });
    }
    for (int reader = 0; reader < 2; ++reader) {
      machine.start([&] {
        for (int i = 0; i < 10; ++i, ++reads) {
          const bool is_whole = pair.lock.read([&] {
            ++rounds;
            const int first = pair.first;
            arch::poll_relax();
            return first == pair.second;
          });
          EXPECT_TRUE(is_whole);
        }
      });
    }
    machine.run();
    ASSERT_TRUE(machine.all_finished());
    EXPECT_GE(rounds, reads);
  });
}

TEST(SequenceLock, ReadsAgainOnlyAfterAChange) {
  ThreadMachine machine;
  Pair pair;
  int rounds = 0;
  auto read = [&](bool change) {
    return pair.lock.read([&] {
      if (rounds++ == 0 && change) pair.set(7);
      return int{pair.first};
    });
  };
  EXPECT_EQ(read(false), 0);
  EXPECT_EQ(rounds, 1);
  rounds = 0;
  EXPECT_EQ(read(true), 7);
  EXPECT_EQ(rounds, 2);
}

}  // namespace
}  // namespace tine
