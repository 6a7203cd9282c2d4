// SPDX-License-Identifier: MIT
//
// Deferred reclamation on simulated CPUs: nothing is freed under a lookup that may have found it,
// everything is freed in the end, and nobody waits for a CPU that idles. With real threads:
// parallel_test.cpp.
#include "sync/reclaim.h"

#include <gtest/gtest.h>

#include "arch/clock.h"
#include "arch/hosted/kernel_threads.h"
#include "core/testing.h"
#include "sched/sched.h"

namespace tine {
namespace {

using arch::hosted::ThreadMachine;

struct Entry : Reclaimable {
  explicit Entry(int& f) : freed(f) {}
  ~Entry() { ++freed; }
  int& freed;
};

TEST(Reclaim, TheOnlyCpuFreesAtOnce) {
  ThreadMachine machine;
  int freed = 0;
  machine.start([&] { reclaim_later(*new Entry(freed)); });
  machine.run();
  EXPECT_EQ(freed, 1);
  EXPECT_EQ(reclaimable_count(), 0u);
}

TEST(Reclaim, WaitsForLookupsUnderRandomInterleavings) {  // E60
  for_each_seed(10'000, [&](uint64_t seed) {
    ThreadMachine machine({.memory_bytes = 0, .cpus = 3, .seed = seed, .preempt_one_in = 5});
    int freed = 0;
    Entry* entry = new Entry(freed);
    for (int reader = 0; reader < 3; ++reader) {
      machine.start([&] {
        for (int i = 0; i < 10; ++i) {
          LookupGuard lookup;
          const int freed_before = freed;
          const bool found = entry != nullptr;
          for (int look = 0; look < 4; ++look) {
            arch::poll_relax();  // another CPU goes on
            if (found) EXPECT_EQ(freed, freed_before);
          }
        }
      });
    }
    machine.start([&] {
      sched::yield();
      reclaim_later(*std::exchange(entry, nullptr));
      EXPECT_EQ(freed, 0);
      reclaim_all();
      EXPECT_EQ(freed, 1);
    });
    machine.run();
    ASSERT_TRUE(machine.all_finished());
    ASSERT_EQ(freed, 1);
  });
}

TEST(Reclaim, IdleCpusAreQuiescent) {
  ThreadMachine machine({.memory_bytes = 0, .cpus = 4});
  Nanoseconds slept = -1;
  machine.start([&] {
    const Nanoseconds start = arch::monotonic_now();
    wait_for_lookups();
    slept = arch::monotonic_now() - start;
  });
  machine.run();
  EXPECT_EQ(slept, 0);
}

// What dies may give up something in turn: both are freed.
TEST(Reclaim, FreesWhatTheDeadReferredTo) {
  struct Owner : Reclaimable {
    explicit Owner(Entry& o) : owned(o) {}
    ~Owner() { reclaim_later(owned); }
    Entry& owned;
  };
  ThreadMachine machine({.memory_bytes = 0, .cpus = 2});
  int freed = 0;
  machine.start([&] {
    reclaim_later(*new Owner(*new Entry(freed)));
    reclaim_all();
  });
  machine.run();
  EXPECT_EQ(freed, 1);
  EXPECT_EQ(reclaimable_count(), 0u);
}

#ifdef TINE_DEBUG
// An idle CPU counts as one that holds nothing, whatever interrupts it.
TEST(ReclaimDeathTest, InterruptHandlersLookNothingUp) {
  ThreadMachine machine;
  EXPECT_DEATH(
      {
        arch::preempt_count_add(arch::kHardIrqUnit);
        LookupGuard lookup;
      },
      "kHardIrqUnit");
}
#endif

}  // namespace
}  // namespace tine
