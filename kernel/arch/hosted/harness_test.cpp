// SPDX-License-Identifier: MIT
//
// The harness itself, and with it the road of a process from fork to wait on the hosted machine.
#include "arch/hosted/harness.h"

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include "core/panic.h"

namespace tine::arch::hosted {
namespace {

constexpr long kSysGetpid = 39, kSysNanosleep = 35, kSysClockGettime = 228, kSysGetppid = 110;

TEST(Harness, InitIsProcessOne) {
  run_core([] { EXPECT_EQ(system_call(kSysGetpid), 1); });
}

TEST(Harness, ForkExitWaitLeaksNothing) {  // E55
  run_core([] {
    expect_nothing_leaked([] {
      long pid = fork([] {
        EXPECT_EQ(system_call(kSysGetppid), 1);
        exit_process(3);
      });
      EXPECT_GT(pid, 1);
      EXPECT_EQ(wait_for(pid), 3 << 8);
    });
  });
}

TEST(Harness, ZombieCountsAsLeak) {
  run_core([] {
    testing::TestPartResultArray failures;
    {
      testing::ScopedFakeTestPartResultReporter reporter(
          testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &failures);
      expect_nothing_leaked([] { fork([] { exit_process(0); }); });
    }
    EXPECT_GT(failures.size(), 0);
  });
}

TEST(Harness, FailureInTheCoreFailsTheTest) {
  EXPECT_FALSE(run_core_in_child(
      [] {
        fork([] { panic("on purpose"); });
        wait_for(-1);
      },
      {}, [] { return false; }));
  EXPECT_FALSE(run_core_in_child([] {}, {}, [] { return true; }));
}

TEST(Harness, ChildHasItsOwnMemory) {
  run_core([] {
    store_value(kUserMemory, 17);
    long pid = fork([] {
      int inherited = load_value<int>(kUserMemory);
      store_value(kUserMemory, 18);
      exit_process(inherited);
    });
    EXPECT_EQ(wait_for(pid), 17 << 8);
    EXPECT_EQ(load_value<int>(kUserMemory), 17);
  });
}

TEST(Harness, SleepTakesSimulatedTime) {
  run_core([] {
    struct {
      int64_t seconds, nanoseconds;
    } now, half{0, 500'000'000}, later;
    system_call(kSysClockGettime, 1, (kUserMemory + 64).value);
    load(&now, kUserMemory + 64, sizeof now);
    store_value(kUserMemory, half);
    EXPECT_EQ(system_call(kSysNanosleep, kUserMemory.value, 0), 0);
    system_call(kSysClockGettime, 1, (kUserMemory + 64).value);
    load(&later, kUserMemory + 64, sizeof later);
    int64_t passed =
        (later.seconds - now.seconds) * 1'000'000'000 + later.nanoseconds - now.nanoseconds;
    EXPECT_EQ(passed, half.nanoseconds);
  });
}

TEST(Harness, ForkStormUnderRandomPreemption) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    run_core(
        [] {
          expect_nothing_leaked([] {
            for (int i = 0; i < 20; ++i) EXPECT_GT(fork([i] { exit_process(i); }), 0);
            for (int i = 0; i < 20; ++i) EXPECT_GE(wait_for(-1), 0);
          });
        },
        {.seed = seed, .preempt_one_in = 50});
  }
}

}  // namespace
}  // namespace tine::arch::hosted
