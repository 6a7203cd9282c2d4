// SPDX-License-Identifier: MIT
//
// How long a woken task of the fair class waits for the CPU, on simulated CPUs with the real
// classes and ticks. One that sleeps most of the time takes the CPU from those that do not at once,
// or at the end of the minimum turn of one that has slept too; and gains no share by it. core/testing.h
// has how a seed that fails is repeated.
#include <algorithm>

#include "sched/testing.h"

namespace tine::sched {
namespace {

constexpr Nanoseconds kStep = kMillisecond / 8;

struct Waits {
  int all = 0, long_ones = 0;  // of more than a step
  Nanoseconds worst = 0;
};

// Sleeps for `pause` on end, wants `work` then, and returns how long it waited to begin.
Waits serve(Nanoseconds end, Nanoseconds pause, Nanoseconds work) {
  Waits waits;
  while (monotonic_now() < end) {
    Nanoseconds arrival = monotonic_now() + pause;
    sleep_until(arrival);
    Nanoseconds waited = monotonic_now() - arrival;
    ++waits.all;
    waits.long_ones += waited > kStep;
    waits.worst = std::max(waits.worst, waited);
    use_cpu(work);
  }
  return waits;
}

// Now and then a hog is so near the end of its slice that its turn comes first, and the next look is
// at the end of a minimum turn.
TEST(Latency, LightSleeperRunsAtOnceBesideHogs) {
  int waits_in_all = 0;
  int long_ones = 0;
  for_each_seed(10'000, [&](uint64_t seed) {
    ThreadMachine machine({.memory_bytes = 0, .seed = seed});
    Nanoseconds end = monotonic_now() + kNsPerSecond;
    auto hogs = 1 + random_below(4);
    for (uint64_t i = 0; i < hogs; ++i) machine.start([end] { use_cpu_until(end); });
    Nanoseconds pause = static_cast<Nanoseconds>(10 + random_below(20)) * kMillisecond;
    Nanoseconds work = static_cast<Nanoseconds>(1 + random_below(8)) * kStep;
    Waits waits;
    machine.start([&waits, end, pause, work] {
      sleep_until(monotonic_now() + 20 * kMillisecond);  // the hogs are known as such by then
      waits = serve(end, pause, work);
    });
    machine.run();
    EXPECT_GE(waits.all, 20);
    EXPECT_LE(waits.worst, kSlice + kMinimumTurn + kStep) << hogs << " hogs";
    waits_in_all += waits.all;
    long_ones += waits.long_ones;
  });
  EXPECT_LE(long_ones * 20, waits_in_all);
}

// Beside one that has slept as well, and has a turn of some length to itself.
TEST(Latency, WokenTaskWaitsForTheMinimumTurnAtMost) {
  for_each_seed(10'000, [&](uint64_t seed) {
    ThreadMachine machine({.memory_bytes = 0, .seed = seed});
    Nanoseconds end = monotonic_now() + kNsPerSecond;
    machine.start([end] { (void)serve(end, kMillisecond, 3 * kMillisecond); });
    Nanoseconds pause = static_cast<Nanoseconds>(10 + random_below(20)) * kMillisecond;
    Waits waits;
    machine.start([&waits, end, pause] { waits = serve(end, pause, kStep); });
    machine.run();
    EXPECT_GE(waits.all, 20);
    EXPECT_LE(waits.worst, kMinimumTurn + 2 * kStep);
  });
}

// One that wants more than half of the CPU has no more than a hog has beside it, sleep as it may: a
// debt is paid off by no more than waiting would have paid.
TEST(Latency, SleepingGainsNoShare) {
  for_each_seed(10'000, [&](uint64_t seed) {
    ThreadMachine machine({.memory_bytes = 0, .seed = seed});
    Nanoseconds end = monotonic_now() + 4 * kNsPerSecond;
    Nanoseconds work = static_cast<Nanoseconds>(4 + random_below(12)) * kMillisecond / 2;
    Nanoseconds pause = work * static_cast<Nanoseconds>(2 + random_below(6)) / 10;
    KernelThread& hog = machine.start([end] { use_cpu_until(end); });
    KernelThread& napper = machine.start([=] { (void)serve(end, pause, work); });
    machine.run();
    double ratio = static_cast<double>(napper.task.sum_exec_runtime) /
                   static_cast<double>(hog.task.sum_exec_runtime);
    EXPECT_LE(ratio, 1.02) << "work " << work << ", pause " << pause;
  });
}

}  // namespace
}  // namespace tine::sched
