// SPDX-License-Identifier: MIT
//
// The seeded simulation of deadline tasks: whatever is admitted meets its deadlines, up to the
// limit of what is admitted and beside hogs of the other classes; and one that wants more than it
// said harms itself only. core/testing.h has how a seed that fails is repeated.
//
// The task sets are sporadic or periodic, begin together or not, and take their runtime to all but
// the last microsecond: at the very end a task would be throttled, and tell of its success late.
#include <cmath>
#include <functional>
#include <numeric>
#include <vector>

#include "sched/testing.h"
#include "sync/preempt.h"

namespace tine::sched {
namespace {

constexpr double kLimit = 0.95;  // of each CPU can be promised

struct Served {
  DeadlineParameters parameters;
  Nanoseconds first_release = 0;
  bool is_sporadic = false;
  KernelThread* thread = nullptr;
  Nanoseconds worst = -kNsPerSecond;  // by how much a job came after its deadline

  double density() const {
    return static_cast<double>(parameters.runtime) / static_cast<double>(parameters.deadline);
  }
};

void run_jobs(Served& task, Nanoseconds end) {
  const DeadlineParameters& given = task.parameters;
  for (Nanoseconds release = task.first_release; release < end;) {
    sleep_until(release);
    use_cpu(given.runtime - 1000);
    task.worst = std::max(task.worst, monotonic_now() - release - given.deadline);
    release += given.period + (task.is_sporadic ? random_between(0, given.period) : 0);
  }
}

// Tasks that want `density` in all, none more than `greatest`. A deadline before the period's end
// makes a task as demanding as one with a shorter period, but is not counted so by the admission.
std::vector<Served> random_tasks(double density, double greatest, bool constrained) {
  std::vector<Served> tasks;
  while (density > 0.005) {
    Served task;
    Nanoseconds deadline = random_between(50, 250 << random_below(3)) * kMillisecond / 10;
    double share = static_cast<double>(random_between(20, 1000)) / 1000 * greatest;
    share = std::min(share, density);
    auto runtime = static_cast<Nanoseconds>(share * static_cast<double>(deadline));
    Nanoseconds slack = constrained ? random_between(0, deadline) : 0;
    task.parameters = {runtime, deadline, deadline + slack};
    task.first_release = monotonic_now() + random_between(1000, 30'000) * 1000;
    task.is_sporadic = random_below(3) == 0;
    density -= task.density();
    tasks.push_back(task);
  }
  if (random_below(2) == 0) {  // all together: the hardest for one CPU
    for (Served& task : tasks) task.first_release = tasks[0].first_release;
  }
  return tasks;
}

// Runs the tasks beside a hog of each other class for every CPU.
void serve(ThreadMachine& machine, unsigned cpus, std::vector<Served>& tasks,
           Nanoseconds duration) {
  const Nanoseconds end = monotonic_now() + duration;
  preempt_disable();  // the first ones are not to keep this CPU from starting the rest
  for (unsigned i = 0; i < cpus; ++i) {
    machine.start([end] { use_cpu_until(end); });
    machine.start([end] { use_cpu_until(end); }, as_fifo(99));
  }
  for (Served& task : tasks) {
    task.thread =
        &machine.start([&task, end] { run_jobs(task, end); }, as_deadline(task.parameters));
  }
  preempt_enable_no_resched();
  machine.run();
  EXPECT_TRUE(machine.all_finished());
  for (Served& task : tasks) make_normal(task.thread->task);
}

Nanoseconds worst_of(const std::vector<Served>& tasks) {
  return std::ranges::max_element(tasks, {}, &Served::worst)->worst;
}

double sum_of_greatest(std::vector<double> values, size_t count) {
  std::ranges::sort(values, std::greater());
  values.resize(std::min(values.size(), count));
  return std::accumulate(values.begin(), values.end(), 0.0);
}

TEST(Simulation, DeadlinesAreMetOnOneCpu) {
  for_each_seed(10'000, [](uint64_t seed) {
    ThreadMachine machine({.memory_bytes = 0, .seed = seed});
    std::vector<Served> tasks = random_tasks(kLimit, 0.7, seed % 4 == 0);
    serve(machine, 1, tasks, 250 * kMillisecond);
    EXPECT_LE(worst_of(tasks), 0) << tasks.size() << " tasks";
  });
}

// Earliest deadline first on m CPUs meets all deadlines if the sum of the shares is no more than
// m - (m - 1) * (the greatest share): Goossens, Funk and Baruah.
TEST(Simulation, DeadlinesAreMetOnManyCpus) {
  for_each_seed(10'000, [](uint64_t seed) {
    const unsigned cpus = cpus_for(2 * seed);
    ThreadMachine machine({.memory_bytes = 0, .cpus = cpus, .seed = seed});
    const double greatest = static_cast<double>(random_between(5, 50)) / 100;
    const double most = std::min(kLimit * cpus, cpus - (cpus - 1) * greatest);
    std::vector<Served> tasks = random_tasks(most, greatest, seed % 4 == 0);
    serve(machine, cpus, tasks, 150 * kMillisecond);
    EXPECT_LE(worst_of(tasks), 0) << tasks.size() << " tasks on " << cpus << " CPUs";
  });
}

// Whatever else is admitted is late by no more than its runtime and what Devi and Anderson found:
// with L + 1 the sum of the shares rounded up, the L greatest runtimes less the least, divided by
// the CPUs less the L - 1 greatest shares.
Nanoseconds greatest_lateness(const std::vector<Served>& tasks, unsigned cpus) {
  std::vector<double> runtimes, shares;
  for (const Served& task : tasks) {
    runtimes.push_back(static_cast<double>(task.parameters.runtime));
    shares.push_back(task.density());
  }
  auto all = std::accumulate(shares.begin(), shares.end(), 0.0);
  auto others = static_cast<size_t>(std::ceil(all)) - 1;
  double most = sum_of_greatest(runtimes, others) - *std::ranges::min_element(runtimes);
  double left = cpus - sum_of_greatest(shares, others > 0 ? others - 1 : 0);
  return static_cast<Nanoseconds>(std::max(most, 0.0) / left);
}

TEST(Simulation, WhatIsAdmittedIsNeverFarBehind) {
  for_each_seed(10'000, [](uint64_t seed) {
    const unsigned cpus = cpus_for(2 * seed);
    ThreadMachine machine({.memory_bytes = 0, .cpus = cpus, .seed = seed});
    std::vector<Served> tasks = random_tasks(kLimit * cpus, 0.9, false);
    serve(machine, cpus, tasks, 250 * kMillisecond);
    for (Served& task : tasks) task.worst -= task.parameters.runtime;
    EXPECT_LE(worst_of(tasks), greatest_lateness(tasks, cpus))
        << tasks.size() << " tasks on " << cpus << " CPUs";
  });
}

// One that wants more than it has said is held to what it said.
TEST(Simulation, OverrunHurtsOnlyTheTaskItself) {
  ThreadMachine machine;
  Nanoseconds end = monotonic_now() + 4 * kNsPerSecond;
  KernelThread& greedy =
      machine.start([end] { use_cpu_until(end); },
                    as_deadline({10 * kMillisecond, 100 * kMillisecond, 100 * kMillisecond}));
  KernelThread& plain = machine.start([end] { use_cpu_until(end); });
  machine.run();
  EXPECT_NEAR(static_cast<double>(greedy.task.sum_exec_runtime), 0.4e9, 0.01e9);
  EXPECT_GT(plain.task.sum_exec_runtime, 3500 * kMillisecond);
  make_normal(greedy.task);
}

// Among those that keep to what they said: these meet their deadlines all the same.
TEST(Simulation, OverrunsHarmNoOtherDeadline) {
  for_each_seed(10'000, [](uint64_t seed) {
    ThreadMachine machine({.memory_bytes = 0, .seed = seed});
    std::vector<Served> tasks = random_tasks(kLimit - 0.2, 0.4, false);
    const Nanoseconds end = monotonic_now() + 250 * kMillisecond;
    const Nanoseconds period = random_between(5, 50) * kMillisecond;
    KernelThread& greedy = machine.start(
        [end] {
          while (monotonic_now() < end) {
            use_cpu(random_between(1, 20) * kMillisecond);
            if (random_below(2) == 0) sleep_until(monotonic_now() + random_between(1, 5000) * 1000);
          }
        },
        as_deadline({period / 5, period, period}));
    serve(machine, 1, tasks, 250 * kMillisecond);
    EXPECT_LE(worst_of(tasks), 0) << tasks.size() << " tasks";
    make_normal(greedy.task);
  });
}

TEST(Simulation, DeadlineYieldWaitsForTheNextPeriod) {
  ThreadMachine machine;
  std::vector<Nanoseconds> starts;
  KernelThread& thread = machine.start(
      [&starts] {
        for (int i = 0; i < 4; ++i) {
          starts.push_back(monotonic_now());
          use_cpu(kMillisecond);
          yield();
        }
      },
      as_deadline({5 * kMillisecond, 50 * kMillisecond, 50 * kMillisecond}));
  machine.run();
  ASSERT_EQ(starts.size(), 4u);
  for (int i = 1; i < 4; ++i) EXPECT_EQ(starts[i] - starts[i - 1], 50 * kMillisecond);
  make_normal(thread.task);
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
  make_normal(first.task);
  make_normal(second.task);
}

}  // namespace
}  // namespace tine::sched
