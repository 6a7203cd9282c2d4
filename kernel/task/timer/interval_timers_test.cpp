// SPDX-License-Identifier: MIT
//
// timer_create(2) timers of periods so short that the signals cannot be taken in time: they do not
// use up the CPU, and each period is counted once.
#include "task/timer/interval_timers.h"

#include <gtest/gtest.h>

#include "arch/hosted/harness.h"

namespace tine {
namespace {

using namespace arch::hosted;

constexpr long kSysSigaction = 13, kSysProcmask = 14, kSysNanosleep = 35, kSysSigtimedwait = 128,
               kSysTimerCreate = 222, kSysTimerSettime = 223;
constexpr UserAddr kWords = kUserMemory, kTimer = kUserMemory + 256, kInfo = kUserMemory + 512;

uint64_t words(std::initializer_list<int64_t> values) {
  int index = 0;
  for (const int64_t value : values) store_value(kWords + 8 * index++, value);
  return kWords.value;
}
// Time passes on this machine only while all sleep.
void nap(int64_t nanoseconds) {
  constexpr int64_t kSecond = 1000000000;
  EXPECT_EQ(system_call(kSysNanosleep, words({nanoseconds / kSecond, nanoseconds % kSecond})), 0);
}
void block(int number) {
  EXPECT_EQ(system_call(kSysProcmask, 0, words({int64_t{1} << (number - 1)}), 0, 8), 0);
}
void start_timer(int64_t period) {
  store_value<int64_t>(kTimer, 0);
  EXPECT_EQ(system_call(kSysTimerCreate, 1, 0, kTimer.value), 0);  // SIGALRM
  const uint64_t setting = words({0, period, 0, period});
  EXPECT_EQ(system_call(kSysTimerSettime, load_value<uint32_t>(kTimer), 0, setting), 0);
}
// The pending signal's overrun.
int64_t take_signal() {
  const uint64_t set = words({int64_t{1} << (signal::kSigAlrm - 1), 0, 0});
  EXPECT_EQ(system_call(kSysSigtimedwait, set, kInfo.value, set + 8, 8), signal::kSigAlrm);
  return load_value<int32_t>(kInfo + 20);
}

TEST(IntervalTimers, EachPeriodIsCountedOnce) {
  run_core([] {
    constexpr int64_t kPeriod = 1000;
    block(signal::kSigAlrm);
    const Nanoseconds start = time::monotonic_now();
    start_timer(kPeriod);
    int64_t counted = 0;
    for (const int64_t duration : {10'000'000, 3'000'000, 500'000, 20'000'000}) {
      nap(duration);
      counted += 1 + take_signal();
      EXPECT_EQ(counted, (time::monotonic_now() - start) / kPeriod);
    }
  });
}

// A second of periods of a nanosecond; each would be an event of its own.
TEST(IntervalTimers, WhatNobodyTakesDoesNotUseUpTheCpu) {
  run_core([] {
    block(signal::kSigAlrm);
    start_timer(1);
    nap(1'000'000'000);
    EXPECT_GE(take_signal(), 999'000'000);
    EXPECT_EQ(system_call(kSysSigaction, signal::kSigAlrm, words({1, 0, 0, 0}), 0, 8), 0);  // SIG_IGN
    nap(1'000'000'000);
  });
}

}  // namespace
}  // namespace tine
