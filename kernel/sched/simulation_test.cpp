// SPDX-License-Identifier: MIT
//
// A seeded simulation of the scheduler: the real run queues, classes, ticks and balancing on 1 to 64
// simulated CPUs. Every property is shown for many seeds; one that fails is repeated exactly by its
// seed, which the message names. Where time passes it does so on all CPUs at once: a step of the
// clock is charged to whatever each of them runs.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "arch/clock.h"
#include "arch/hosted/kernel_threads.h"
#include "sched/run_queue.h"
#include "sched/sched.h"
#include "sync/parking.h"
#include "sync/wait_queue.h"

namespace tine::sched {
namespace {

using arch::hosted::advance_clock;
using arch::hosted::KernelThread;
using arch::hosted::random_below;
using arch::hosted::ThreadMachine;

constexpr Nanoseconds kMillisecond = 1'000'000;

// Between the steps the other CPUs have their turn with the host's thread.
void burn_until(Nanoseconds end) {
  while (arch::monotonic_now() < end) {
    advance_clock(kMillisecond / 4);
    arch::irq_disable();
    arch::irq_enable();
  }
}

struct Sharer {
  KernelThread* thread;
  uint32_t weight;
};

// Each thread has had the share that its weight entitles it to, within 2 %, and no time was wasted.
// Nobody can use more than one CPU: what a heavy one cannot use is shared by the others.
void expect_fair(std::vector<Sharer> sharers, unsigned cpus, Nanoseconds duration, uint64_t seed) {
  std::ranges::sort(sharers, std::greater(), &Sharer::weight);
  double weight = 0;
  for (const Sharer& sharer : sharers) weight += sharer.weight;
  double cpus_left = cpus;
  for (const Sharer& sharer : sharers) {
    double expected = std::min(1.0, cpus_left * sharer.weight / weight);
    if (expected == 1.0) {
      weight -= sharer.weight;
      cpus_left -= 1;
    }
    double had = static_cast<double>(sharer.thread->task.sum_exec_runtime) /
                 static_cast<double>(duration);
    EXPECT_NEAR(had / expected, 1, 0.02)
        << "seed " << seed << ", " << cpus << " CPUs, weight " << sharer.weight;
  }
}

TEST(Simulation, FairByWeightWithinTwoPercentOnOneCpu) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    ThreadMachine machine({.memory_bytes = 0, .seed = seed});
    Nanoseconds duration = 60 * kNsPerSecond;
    Nanoseconds end = arch::monotonic_now() + duration;
    std::vector<Sharer> sharers;
    auto count = 2 + random_below(6);
    for (uint64_t i = 0; i < count; ++i) {
      int nice = static_cast<int>(random_below(11)) - 5;
      KernelThread& thread = machine.start(
          [end] { burn_until(end); }, [nice](Schedulable& task) { set_nice(task, nice); });
      sharers.push_back({&thread, weight_of_nice(nice)});
    }
    machine.run();
    expect_fair(sharers, 1, duration, seed);
  }
}

// Sleeping does not change what a task is owed: one that sleeps in the middle of its turns still has
// its share of the time in which it wants the CPU.
TEST(Simulation, LagIsKeptOverSleep) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    ThreadMachine machine({.memory_bytes = 0, .seed = seed});
    Nanoseconds end = arch::monotonic_now() + 20 * kNsPerSecond;
    KernelThread& hog = machine.start([end] { burn_until(end); });
    KernelThread& napper = machine.start([end, seed] {
      for (uint64_t i = seed; arch::monotonic_now() < end; ++i) {
        burn_until(arch::monotonic_now() + static_cast<Nanoseconds>(i * 7 % 11) * kMillisecond);
        prepare_to_sleep(TaskState::uninterruptible);
        (void)schedule_until(arch::monotonic_now() + 1000);  // gone for a moment only
        finish_sleep();
      }
    });
    machine.run();
    double ratio = static_cast<double>(hog.task.sum_exec_runtime) /
                   static_cast<double>(napper.task.sum_exec_runtime);
    EXPECT_NEAR(ratio, 1, 0.1) << "seed " << seed;
  }
}

// Equal tasks, and too few or too many of them to be split evenly.
TEST(Simulation, EqualTasksShareManyCpusWithinTwoPercent) {
  struct { unsigned cpus, tasks; } const cases[] = {{2, 3},  {2, 5},   {3, 4},    {4, 5},   {4, 7},
                                                    {8, 16}, {16, 20}, {16, 41}, {64, 96}, {64, 128}};
  for (auto [cpus, tasks] : cases) {
    ThreadMachine machine({.memory_bytes = 0, .cpus = cpus, .seed = cpus});
    Nanoseconds duration = 10 * kNsPerSecond;
    Nanoseconds end = arch::monotonic_now() + duration;
    std::vector<Sharer> sharers;
    for (unsigned i = 0; i < tasks; ++i) {
      sharers.push_back({&machine.start([end] { burn_until(end); }), 1024});
    }
    machine.run();
    expect_fair(sharers, cpus, duration, cpus);
  }
}

TEST(Simulation, ManyCpusAreSharedByWeightWithinTwoPercent) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    auto cpus = 1u << seed % 7;
    ThreadMachine machine({.memory_bytes = 0, .cpus = cpus, .seed = seed});
    Nanoseconds duration = 20 * kNsPerSecond;
    Nanoseconds end = arch::monotonic_now() + duration;
    std::vector<Sharer> sharers;
    auto count = cpus + 1 + random_below(2 * cpus);
    for (uint64_t i = 0; i < count; ++i) {
      int nice = static_cast<int>(random_below(7)) - 3;
      KernelThread& thread = machine.start(
          [end] { burn_until(end); }, [nice](Schedulable& task) { set_nice(task, nice); });
      sharers.push_back({&thread, weight_of_nice(nice)});
    }
    machine.run();
    expect_fair(sharers, cpus, duration, seed);
  }
}

// Whatever the others do, a task with the lowest weight comes to run.
TEST(Simulation, NobodyStarves) {
  for (uint64_t seed = 1; seed <= 1000; ++seed) {
    ThreadMachine machine({.memory_bytes = 0, .seed = seed});
    Nanoseconds end = arch::monotonic_now() + 10 * kNsPerSecond;
    KernelThread& poor =
        machine.start([end] { burn_until(end); }, [](Schedulable& task) { set_nice(task, 19); });
    for (int i = 0; i < 4; ++i) {
      machine.start([end] {
        while (arch::monotonic_now() < end) {
          burn_until(arch::monotonic_now() + static_cast<Nanoseconds>(random_below(9)) * kMillisecond);
          if (random_below(2) == 0) yield();
          else (void)schedule_until(arch::monotonic_now() + kMillisecond);
        }
      });
    }
    // A spinning real-time task leaves 5 % to the rest.
    if (seed % 2 == 0) {
      machine.start([end] { burn_until(end); }, [](Schedulable& task) {
        ASSERT_TRUE(set_parameters(task, {kPolicyFifo, 50, 0, false}));
      });
    }
    machine.run();
    EXPECT_GT(poor.task.sum_exec_runtime, kMillisecond) << "seed " << seed;
  }
}

TEST(Simulation, RealTimeLeavesFivePercentToTheRest) {
  ThreadMachine machine;
  Nanoseconds end = arch::monotonic_now() + 10 * kNsPerSecond;
  KernelThread& plain = machine.start([end] { burn_until(end); });
  KernelThread& spinner = machine.start([end] { burn_until(end); }, [](Schedulable& task) {
    ASSERT_TRUE(set_parameters(task, {kPolicyFifo, 50, 0, false}));
  });
  machine.run();
  EXPECT_NEAR(static_cast<double>(plain.task.sum_exec_runtime), 0.5e9, 0.1e9);
  EXPECT_GT(spinner.task.sum_exec_runtime, 9 * kNsPerSecond);
}

// --- Deadline tasks.

// Uses its whole runtime in each period, and counts the deadlines that it misses.
int run_periods(const DeadlineParameters& parameters, Nanoseconds end) {
  int missed = 0;
  for (Nanoseconds release = arch::monotonic_now(); release < end; release += parameters.period) {
    Nanoseconds used = arch::current_schedulable()->sum_exec_runtime;
    // A little less than the budget: at its very end the task would be throttled.
    while (arch::current_schedulable()->sum_exec_runtime - used < parameters.runtime * 9 / 10) {
      advance_clock(100'000);
    }
    missed += arch::monotonic_now() > release + parameters.deadline;
    while (arch::monotonic_now() < release + parameters.period) {
      prepare_to_sleep(TaskState::uninterruptible);
      (void)schedule_until(release + parameters.period);
      finish_sleep();
    }
  }
  return missed;
}

// Whatever set of tasks is admitted on one CPU meets its deadlines, hogs and real-time tasks or not.
TEST(Simulation, AdmittedDeadlineTasksMeetTheirDeadlines) {
  constexpr uint64_t kSets = 10'000;
  uint64_t admitted_in_all = 0;
  for (uint64_t seed = 1; seed <= kSets; ++seed) {
    ThreadMachine machine({.memory_bytes = 0, .seed = seed});
    Nanoseconds end = arch::monotonic_now() + 2 * kNsPerSecond;
    machine.start([end] { burn_until(end); });
    machine.start([end] { burn_until(end); }, [](Schedulable& task) {
      ASSERT_TRUE(set_parameters(task, {kPolicyFifo, 99, 0, false}));
    });
    std::vector<Schedulable*> admitted;
    std::vector<int> missed(8, 0);
    for (int i = 0; i < 8; ++i) {
      Nanoseconds period = static_cast<Nanoseconds>(10 + random_below(90)) * kMillisecond;
      Nanoseconds runtime = static_cast<Nanoseconds>(2 + random_below(10)) * kMillisecond;
      DeadlineParameters parameters{std::min(runtime, period), period, period};
      KernelThread& thread =
          machine.create([&missed, i, parameters, end] { missed[i] = run_periods(parameters, end); });
      Result<void> outcome =
          set_parameters(thread.task, {kPolicyDeadline, 0, 0, false, parameters});
      if (!outcome) {
        EXPECT_EQ(outcome.error(), Errno::busy);
        continue;
      }
      admitted.push_back(&thread.task);
      wake_up_new_task(thread.task);
    }
    machine.run();
    admitted_in_all += admitted.size();
    for (int i = 0; i < 8; ++i) EXPECT_EQ(missed[i], 0) << "seed " << seed << ", task " << i;
    for (Schedulable* task : admitted) {
      ASSERT_TRUE(set_parameters(*task, {kPolicyNormal, 0, 0, false}));  // gives its share back
    }
  }
  EXPECT_GE(admitted_in_all, 4 * kSets);  // or it would show little
}

// One that wants more than it has said is held to what it said.
TEST(Simulation, OverrunHurtsOnlyTheTaskItself) {
  ThreadMachine machine;
  Nanoseconds end = arch::monotonic_now() + 4 * kNsPerSecond;
  KernelThread& greedy = machine.start([end] { burn_until(end); }, [](Schedulable& task) {
    DeadlineParameters parameters{10 * kMillisecond, 100 * kMillisecond, 100 * kMillisecond};
    ASSERT_TRUE(set_parameters(task, {kPolicyDeadline, 0, 0, false, parameters}));
  });
  KernelThread& plain = machine.start([end] { burn_until(end); });
  machine.run();
  EXPECT_NEAR(static_cast<double>(greedy.task.sum_exec_runtime), 0.4e9, 0.03e9);
  EXPECT_GT(plain.task.sum_exec_runtime, 3500 * kMillisecond);
  ASSERT_TRUE(set_parameters(greedy.task, {kPolicyNormal, 0, 0, false}));
}

TEST(Simulation, DeadlineYieldWaitsForTheNextPeriod) {
  ThreadMachine machine;
  std::vector<Nanoseconds> starts;
  KernelThread& thread = machine.start(
      [&starts] {
        for (int i = 0; i < 4; ++i) {
          starts.push_back(arch::monotonic_now());
          advance_clock(kMillisecond);
          yield();
        }
      },
      [](Schedulable& task) {
        DeadlineParameters parameters{5 * kMillisecond, 50 * kMillisecond, 50 * kMillisecond};
        ASSERT_TRUE(set_parameters(task, {kPolicyDeadline, 0, 0, false, parameters}));
      });
  machine.run();
  ASSERT_EQ(starts.size(), 4u);
  for (int i = 1; i < 4; ++i) EXPECT_EQ(starts[i] - starts[i - 1], 50 * kMillisecond);
  ASSERT_TRUE(set_parameters(thread.task, {kPolicyNormal, 0, 0, false}));
}

TEST(Simulation, AdmissionKnowsItsLimits) {
  ThreadMachine machine({.memory_bytes = 0, .cpus = 2});
  KernelThread& first = machine.create([] {});
  KernelThread& second = machine.create([] {});
  DeadlineParameters most{95 * kMillisecond, 100 * kMillisecond, 100 * kMillisecond};
  auto with = [](DeadlineParameters p) { return Parameters{kPolicyDeadline, 0, 0, false, p}; };
  ASSERT_TRUE(set_parameters(first.task, with(most)));
  EXPECT_EQ(set_affinity(first.task, 1).error(), Errno::busy);
  ASSERT_TRUE(set_parameters(second.task, with({94 * kMillisecond, 0, 100 * kMillisecond})) ||
              set_parameters(second.task,
                             with({94 * kMillisecond, 100 * kMillisecond, 100 * kMillisecond})));
  KernelThread& third = machine.create([] {});
  EXPECT_EQ(set_parameters(third.task, with({2 * kMillisecond, 100 * kMillisecond, 0})).error(),
            Errno::busy);
  EXPECT_EQ(set_parameters(third.task, with({100, 100 * kMillisecond, 0})).error(), Errno::inval);
  EXPECT_EQ(set_parameters(third.task, with({9, 8, 7})).error(), Errno::inval);
  third.task.cpus_allowed = 1;
  EXPECT_EQ(set_parameters(third.task, with({kMillisecond, 100 * kMillisecond, 0})).error(),
            Errno::perm);
  for (KernelThread* thread : {&first, &second}) {
    ASSERT_TRUE(set_parameters(thread->task, {kPolicyNormal, 0, 0, false}));
  }
}

// --- Forking.

// B71: whatever the slices, and however deep the chain of forks, the sum stays what it was.
TEST(Simulation, SlicesAreConservedAcrossForks) {
  for (uint64_t seed = 1; seed <= 10'000; ++seed) {
    ThreadMachine machine({.memory_bytes = 0, .seed = seed});
    std::vector<Schedulable> family(2 + random_below(8));
    apply_policy(family[0], kPolicyNormal, 0, 0);
    Nanoseconds total = family[0].slice_left = static_cast<Nanoseconds>(random_below(kSlice));
    for (size_t child = 1; child < family.size(); ++child) {
      Schedulable& parent = family[random_below(child)];
      ASSERT_TRUE(sched_fork(family[child], parent));
      ASSERT_GE(family[child].slice_left, parent.slice_left);
    }
    Nanoseconds sum = 0;
    for (const Schedulable& task : family) sum += task.slice_left;
    ASSERT_EQ(sum, total) << "seed " << seed;
  }
}

// --- Waking.

// B4: exclusive waiters are woken one by one, in the order in which they came, whoever runs where.
TEST(Simulation, ExclusiveWaitersAreWokenInOrder) {
  for (uint64_t seed = 1; seed <= 10'000; ++seed) {
    ThreadMachine machine({.memory_bytes = 0, .cpus = 1 + static_cast<unsigned>(seed % 4),
                           .seed = seed, .preempt_one_in = 9});
    struct Entry : Waiter { int number = 0; };
    static std::vector<int> woken;
    woken.clear();
    WaitQueue queue;
    std::vector<Entry> entries(2 + random_below(6));
    for (size_t i = 0; i < entries.size(); ++i) {
      entries[i].number = static_cast<int>(i);
      entries[i].exclusive = true;
      entries[i].wake = [](Waiter& waiter, uint32_t) {
        woken.push_back(static_cast<Entry&>(waiter).number);
        return true;
      };
      queue.add(entries[i]);
    }
    auto gone = random_below(entries.size());
    queue.remove(entries[gone]);
    for (size_t i = 0; i + 1 < entries.size(); ++i) {
      queue.wake(1);
      ASSERT_EQ(woken.size(), i + 1) << "seed " << seed;
      queue.remove(entries[static_cast<size_t>(woken.back())]);
    }
    ASSERT_TRUE(std::ranges::is_sorted(woken)) << "seed " << seed;
  }
}

// Producers and consumers of tokens: if a wake-up were lost the machine would go quiet with tokens
// left over.
TEST(Simulation, NoWakeUpIsLost) {
  for (uint64_t seed = 1; seed <= 10'000; ++seed) {
    ThreadMachine machine({.memory_bytes = 0, .cpus = 1 + static_cast<unsigned>(seed % 4),
                           .seed = seed, .preempt_one_in = 7, .switch_cpu_one_in = 2});
    WaitQueue queue;
    std::atomic<int> tokens{0};
    bool exclusive = seed % 2 == 0;
    for (int i = 0; i < 3; ++i) {
      machine.start([&] {
        for (int n = 0; n < 4; ++n) {
          (void)wait_event(
              queue, WaitKind::uninterruptible,
              [&tokens] {
                int seen = tokens.load();
                while (seen > 0 && !tokens.compare_exchange_weak(seen, seen - 1)) {}
                return seen > 0;
              },
              kNever, exclusive);
        }
      });
    }
    for (int i = 0; i < 2; ++i) {
      machine.start([&] {
        for (int n = 0; n < 6; ++n) {
          tokens.fetch_add(1);
          queue.wake(1);
        }
      });
    }
    machine.run();
    ASSERT_TRUE(machine.all_finished()) << "seed " << seed;
    ASSERT_EQ(tokens.load(), 0);
  }
}

}  // namespace
}  // namespace tine::sched
