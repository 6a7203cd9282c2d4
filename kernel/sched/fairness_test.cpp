// SPDX-License-Identifier: MIT
//
// The seeded simulation of the scheduler: that the fair class shares by weight, on 1 to 64 CPUs,
// and that nobody starves. Real run queues, classes, ticks and balancing; core/testing.h has how a
// seed that fails is repeated.
#include <algorithm>
#include <functional>
#include <vector>

#include "sched/testing.h"

namespace tine::sched {
namespace {

int64_t total_weight(const std::vector<int>& nice) {
  int64_t sum = 0;
  for (int level : nice) sum += weight_of_nice(level);
  return sum;
}

// Threads of these nice levels use all the CPU that they are given, and each has the share that its
// weight entitles it to, within 2 %; no time is wasted. Nobody can use more than one CPU: what a
// heavy one cannot use is shared by the others.
void expect_fair(ThreadMachine& machine, const std::vector<int>& nice, unsigned cpus,
                 Nanoseconds duration) {
  const Nanoseconds end = monotonic_now() + duration;
  std::vector<KernelThread*> threads;
  for (int level : nice) {
    threads.push_back(&machine.start([end] { use_cpu_until(end); }, as_nice(level)));
  }
  machine.run();
  auto weight_of = [](const KernelThread* thread) { return uint32_t{thread->task.weight}; };
  std::ranges::sort(threads, std::greater(), weight_of);
  auto weight_left = static_cast<double>(total_weight(nice));
  double cpus_left = cpus;
  for (const KernelThread* thread : threads) {
    const double weight = thread->task.weight;
    const double expected = std::min(1.0, cpus_left * weight / weight_left);
    if (expected == 1.0) {
      weight_left -= weight;
      cpus_left -= 1;
    }
    const double had =
        static_cast<double>(thread->task.sum_exec_runtime) / static_cast<double>(duration);
    EXPECT_NEAR(had / expected, 1, 0.02)
        << nice.size() << " threads, " << cpus << " CPUs, weight " << weight;
  }
}

// Who is least is to have some hundred slices, so that one more or less is within the 2 %.
TEST(Simulation, OneCpuIsSharedByWeightWithinTwoPercent) {
  for_each_seed(10'000, [](uint64_t seed) {
    ThreadMachine machine({.memory_bytes = 0, .seed = seed});
    std::vector<int> nice(2 + random_below(4));
    for (int& level : nice) level = static_cast<int>(random_between(-4, 4));
    const auto least = static_cast<int64_t>(weight_of_nice(std::ranges::max(nice)));
    expect_fair(machine, nice, 1, 80 * kSlice * total_weight(nice) / least);
  });
}

// So long that a task of weight 1024 has three seconds: much more than what balancing lets them
// differ by.
TEST(Simulation, ManyCpusAreSharedByWeightWithinTwoPercent) {
  for_each_seed(2'000, [](uint64_t seed) {
    auto cpus = cpus_for(2 * seed);
    ThreadMachine machine({.memory_bytes = 0, .cpus = cpus, .seed = seed});
    std::vector<int> nice(cpus + 1 + random_below(2 * cpus));
    for (int& level : nice) level = static_cast<int>(random_between(-3, 3));
    Nanoseconds duration = 3 * kNsPerSecond / 1024 * total_weight(nice) / cpus;
    expect_fair(machine, nice, cpus, duration);
  });
}

// Equal tasks, and too few or too many of them to be split evenly.
TEST(Simulation, EqualTasksShareManyCpusWithinTwoPercent) {
  struct { unsigned cpus, tasks; } const cases[] = {{2, 3},  {2, 5},   {3, 4},    {4, 5},   {4, 7},
                                                    {8, 16}, {16, 20}, {16, 41}, {64, 96}, {64, 128}};
  for (auto [cpus, tasks] : cases) {
    ThreadMachine machine({.memory_bytes = 0, .cpus = cpus, .seed = cpus});
    expect_fair(machine, std::vector<int>(tasks), cpus, 10 * kNsPerSecond);
  }
}

// Sleeping does not change what a task is owed: one that sleeps in the middle of its turns still has
// its share of the time in which it wants the CPU.
TEST(Simulation, LagIsKeptOverSleep) {
  for_each_seed(10'000, [](uint64_t seed) {
    ThreadMachine machine({.memory_bytes = 0, .seed = seed});
    Nanoseconds end = monotonic_now() + 5 * kNsPerSecond;
    KernelThread& hog = machine.start([end] { use_cpu_until(end); });
    KernelThread& napper = machine.start([end] {
      while (monotonic_now() < end) {
        use_cpu_until(monotonic_now() + random_between(0, 10) * kMillisecond);
        sleep_until(monotonic_now() + 1000);  // gone for a moment only
      }
    });
    machine.run();
    double ratio = static_cast<double>(hog.task.sum_exec_runtime) /
                   static_cast<double>(napper.task.sum_exec_runtime);
    EXPECT_NEAR(ratio, 1, 0.01);
  });
}

// --- Nobody starves.

// Works, sleeps and yields, or never stops.
void be_busy(Nanoseconds end) {
  const bool is_hog = random_below(3) == 0;
  while (monotonic_now() < end) {
    if (is_hog) use_cpu_until(end);
    else use_cpu(random_between(1, 9000) * 1000);
    if (random_below(2) == 0) yield();
    else sleep_until(monotonic_now() + random_between(1, 2000) * 1000);
  }
}

// Whatever the others do, a task of little weight has half of what it is entitled to at the least, of
// all the time, or of the 5 % that real-time tasks which never stop leave over.
TEST(Simulation, NobodyStarves) {
  for_each_seed(10'000, [](uint64_t seed) {
    const unsigned cpus = cpus_for(seed);
    ThreadMachine machine({.memory_bytes = 0, .cpus = cpus, .seed = seed});
    const bool has_spinners = random_below(4) == 0;
    const auto poor_nice = static_cast<int>(random_between(0, has_spinners ? 5 : 19));
    std::vector<int> others(cpus * static_cast<unsigned>(random_between(1, 4)));
    double weight = weight_of_nice(poor_nice);
    for (int& nice : others) {
      nice = static_cast<int>(random_between(-3, 3));
      weight += weight_of_nice(nice);
    }
    const double share = std::min(1.0, cpus * weight_of_nice(poor_nice) / weight);
    const double left_over = has_spinners ? 0.05 : 1;
    const auto slices = static_cast<Nanoseconds>(8 / share / left_over);
    const Nanoseconds duration = std::max(slices * kSlice, has_spinners ? 3 * kNsPerSecond : 0);
    const Nanoseconds end = monotonic_now() + duration;
    KernelThread& poor = machine.start([end] { use_cpu_until(end); }, as_nice(poor_nice));
    for (int nice : others) machine.start([end] { be_busy(end); }, as_nice(nice));
    for (unsigned i = 0; has_spinners && i < cpus; ++i) {
      machine.start([end] { use_cpu_until(end); }, as_fifo(50));
    }
    machine.run();
    EXPECT_GE(static_cast<double>(poor.task.sum_exec_runtime),
              0.5 * share * left_over * static_cast<double>(duration))
        << cpus << " CPUs, nice " << poor_nice << (has_spinners ? ", spinners" : "");
  });
}

TEST(Simulation, RealTimeLeavesFivePercentToTheRest) {
  ThreadMachine machine;
  Nanoseconds end = monotonic_now() + 10 * kNsPerSecond;
  KernelThread& plain = machine.start([end] { use_cpu_until(end); });
  KernelThread& spinner = machine.start([end] { use_cpu_until(end); }, as_fifo(50));
  machine.run();
  EXPECT_NEAR(static_cast<double>(plain.task.sum_exec_runtime), 0.5e9, 0.1e9);
  EXPECT_GT(spinner.task.sum_exec_runtime, 9 * kNsPerSecond);
}

}  // namespace
}  // namespace tine::sched
