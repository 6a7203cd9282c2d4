// SPDX-License-Identifier: MIT
//
// The scheduler: fairness by weight, conservation of slices (B71), newborn tasks (E64), inheritance
// at fork (E65-E68), precedence of classes (E93), yielding, CPU times, affinity, load averages.
#include "sched/sched.h"

#include <algorithm>
#include <vector>

#include "sched/testing.h"
#include "sync/preempt.h"
#include "sync/wait_queue.h"

namespace tine::sched {
namespace {

TEST(Scheduler, SharesByWeight) {
  ThreadMachine machine;
  Nanoseconds end = monotonic_now() + 2 * kNsPerSecond;
  KernelThread& plain = machine.start([end] { use_cpu_until(end); });
  KernelThread& nice = machine.start([end] { use_cpu_until(end); }, as_nice(5));
  machine.run();
  double ratio = static_cast<double>(plain.task.sum_exec_runtime) /
                 static_cast<double>(nice.task.sum_exec_runtime);
  EXPECT_NEAR(ratio, 1024.0 / weight_of_nice(5), 0.15);
}

TEST(Scheduler, WeightsFollowTheLevels) {
  EXPECT_EQ(weight_of_nice(0), 1024u);
  EXPECT_EQ(weight_of_nice(1), 819u);  // 1024 / 1.25
  EXPECT_EQ(weight_of_nice(-1), 1280u);
  EXPECT_NEAR(weight_of_nice(19), 15, 1);
}

TEST(Scheduler, EqualTasksTakeTurns) {
  ThreadMachine machine;
  Nanoseconds end = monotonic_now() + kNsPerSecond;
  std::vector<KernelThread*> threads;
  for (int i = 0; i < 4; ++i) threads.push_back(&machine.start([end] { use_cpu_until(end); }));
  machine.run();
  for (KernelThread* thread : threads) {
    EXPECT_NEAR(static_cast<double>(thread->task.sum_exec_runtime), 250e6, 10e6);
    EXPECT_EQ(thread->task.user_time + thread->task.system_time, thread->task.sum_exec_runtime);
    EXPECT_GT(thread->task.involuntary_switches, 20u);
  }
}

TEST(Scheduler, ForkConservesTheSlice) {  // B71
  ThreadMachine machine;
  Schedulable parent, child;
  apply_policy(parent, kPolicyNormal, 0, 0);
  for (Nanoseconds left : {0, 1, 7, 4'000'000}) {
    parent.slice_left = left;
    ASSERT_TRUE(sched_fork(child, parent));
    EXPECT_EQ(child.slice_left, (left + 1) / 2);
    EXPECT_EQ(parent.slice_left + child.slice_left, left);
  }
}

TEST(Scheduler, NewbornIsNeitherRunNorWoken) {  // E64, A8
  ThreadMachine machine;
  bool ran = false;
  KernelThread& thread = machine.create([&] { ran = true; });
  EXPECT_EQ(thread.task.state, TaskState::newborn);
  for (WakeMode mode :
       {WakeMode::interruptible, WakeMode::any, WakeMode::fatal, WakeMode::stopped}) {
    EXPECT_FALSE(wake_up(thread.task, mode));
  }
  machine.run();
  EXPECT_FALSE(ran);
  wake_up_new_task(thread.task);
  machine.run();
  EXPECT_TRUE(ran);
}

TEST(Scheduler, ForkInheritsPolicy) {  // E65-E68, E63
  ThreadMachine machine;
  Schedulable parent, child;
  parent.sum_exec_runtime = parent.user_time = 5;
  parent.cpus_allowed = 5;
  ASSERT_TRUE(set_parameters(parent, {kPolicyFifo, 7, -5, false}));
  parent.prio = 1;  // inherited by priority, not the child's
  ASSERT_TRUE(sched_fork(child, parent));
  EXPECT_EQ(child.policy, kPolicyFifo);
  EXPECT_EQ(child.rt_priority, 7);
  EXPECT_EQ(child.prio, parent.normal_prio);
  EXPECT_EQ(child.sched_class, &realtime_class);
  EXPECT_EQ(child.cpus_allowed, 5u);
  EXPECT_EQ(child.sum_exec_runtime + child.user_time, 0);

  ASSERT_TRUE(set_parameters(parent, {kPolicyFifo, 7, -5, true}));
  ASSERT_TRUE(sched_fork(child, parent));
  EXPECT_EQ(child.policy, kPolicyNormal);
  EXPECT_EQ(nice_of(child), 0);
  EXPECT_FALSE(child.reset_on_fork);

  ASSERT_TRUE(set_parameters(parent, {kPolicyNormal, 0, -5, true}));
  ASSERT_TRUE(sched_fork(child, parent));
  EXPECT_EQ(nice_of(child), 0);
  EXPECT_EQ(child.weight, 1024u);

  parent.policy = kPolicyDeadline;
  ASSERT_TRUE(sched_fork(child, parent));  // E67
  EXPECT_EQ(child.policy, kPolicyNormal);
  parent.reset_on_fork = false;
  EXPECT_EQ(sched_fork(child, parent).error(), Errno::again);
}

TEST(Scheduler, RefusesBadParameters) {
  ThreadMachine machine;
  Schedulable task;
  apply_policy(task, kPolicyNormal, 0, 0);
  EXPECT_EQ(set_parameters(task, {kPolicyFifo, 0, 0, false}).error(), Errno::inval);
  EXPECT_EQ(set_parameters(task, {kPolicyFifo, 100, 0, false}).error(), Errno::inval);
  EXPECT_EQ(set_parameters(task, {kPolicyNormal, 1, 0, false}).error(), Errno::inval);
  EXPECT_EQ(set_parameters(task, {kPolicyDeadline, 0, 0, false}).error(), Errno::inval);
  EXPECT_EQ(set_affinity(task, 1ull << 40).error(), Errno::inval);
  EXPECT_TRUE(set_affinity(task, 1));
}

TEST(Scheduler, HigherClassPreemptsAtOnce) {  // E93
  ThreadMachine machine;
  std::vector<int> order;
  KernelThread& realtime = machine.create([&] { order.push_back(1); });
  ASSERT_TRUE(set_parameters(realtime.task, {kPolicyFifo, 10, 0, false}));
  machine.start([&] {
    wake_up_new_task(realtime.task);
    order.push_back(2);
  });
  machine.run();
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST(Scheduler, FifoRunsByPriorityThenArrival) {
  ThreadMachine machine;
  std::vector<int> order;
  auto start = [&](int number, int priority) {
    machine.start(
        [&order, number] {
          order.push_back(number);
          advance_clock(300 * kMillisecond);  // ticks do not move a FIFO task
          order.push_back(number);
        },
        [priority](Schedulable& task) {
          ASSERT_TRUE(set_parameters(task, {kPolicyFifo, priority, 0, false}));
        });
  };
  start(1, 5);
  start(2, 9);
  start(3, 5);
  machine.run();
  EXPECT_EQ(order, (std::vector<int>{2, 2, 1, 1, 3, 3}));
}

TEST(Scheduler, RoundRobinTakesTurns) {
  ThreadMachine machine;
  std::vector<int> order;
  for (int number : {1, 2}) {
    machine.start(
        [&order, number] {
          for (int i = 0; i < 2; ++i) {
            order.push_back(number);
            advance_clock(150 * kMillisecond);
          }
        },
        [](Schedulable& task) {
          ASSERT_TRUE(set_parameters(task, {kPolicyRoundRobin, 5, 0, false}));
        });
  }
  machine.run();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 1, 2}));
}

TEST(Scheduler, YieldLetsTheOtherRun) {
  ThreadMachine machine;
  std::vector<int> order;
  for (int number : {1, 2}) {
    machine.start([&order, number] {
      for (int i = 0; i < 3; ++i) {
        order.push_back(number);
        yield();
      }
    });
  }
  machine.run();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 1, 2, 1, 2}));
}

// However long the parent has run: fork's caller does not wait for what the child does.
TEST(Scheduler, ForkReturnsBeforeTheChildRuns) {
  ThreadMachine machine;
  std::vector<int> order;
  machine.start([&] {
    use_cpu(3 * kMillisecond);
    KernelThread& child = machine.create([&order] { order.push_back(2); });
    wake_up_new_task(child.task);
    order.push_back(1);
  });
  machine.run();
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

// Who yields all the time has its share, beside one that never does and others that do likewise.
void expect_equal_shares_of_yielders(int yielders, Nanoseconds pause) {
  ThreadMachine machine;
  const Nanoseconds share = kNsPerSecond, end = monotonic_now() + (1 + yielders) * share;
  std::vector<KernelThread*> threads = {&machine.start([end] { use_cpu_until(end); })};
  for (int i = 0; i < yielders; ++i) {
    threads.push_back(&machine.start([pause, end] {
      while (monotonic_now() < end) {
        use_cpu(pause);
        yield();
      }
    }));
  }
  machine.run();
  for (const KernelThread* thread : threads) {
    EXPECT_NEAR(static_cast<double>(thread->task.sum_exec_runtime), static_cast<double>(share),
                20e6)
        << yielders << " that yield after " << pause;
  }
}

TEST(Scheduler, YieldingCostsNoShare) {
  for (const int yielders : {1, 2}) {
    for (const Nanoseconds pause : {10'000, 100'000, 1'000'000, 5'000'000}) {
      expect_equal_shares_of_yielders(yielders, pause);
    }
  }
}

TEST(Scheduler, NoPreemptionWhileDisabled) {  // E97
  ThreadMachine machine;
  std::vector<int> order;
  KernelThread& realtime = machine.create([&] { order.push_back(2); });
  ASSERT_TRUE(set_parameters(realtime.task, {kPolicyFifo, 10, 0, false}));
  machine.start([&] {
    {
      PreemptGuard guard;
      wake_up_new_task(realtime.task);
      advance_clock(20 * kMillisecond);
      order.push_back(1);
    }
    order.push_back(3);
  });
  machine.run();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST(Scheduler, SpreadsForkedTasksOverCpus) {  // E88, E89
  ThreadMachine machine({.memory_bytes = 0, .cpus = 4});
  PreemptGuard nobody_finishes_meanwhile;
  std::vector<CpuId> cpus;
  for (int i = 0; i < 4; ++i) cpus.push_back(machine.start([] {}).task.cpu);
  std::ranges::sort(cpus);
  EXPECT_EQ(cpus, (std::vector<CpuId>{0, 1, 2, 3}));
  KernelThread& bound = machine.start([] {}, [](Schedulable& task) { task.cpus_allowed = 4; });
  EXPECT_EQ(bound.task.cpu, 2u);
}

TEST(Scheduler, LoadAverageApproachesTheNumberOfRunners) {
  ThreadMachine machine;
  machine.run(7200 * kNsPerSecond);  // what earlier machines left in the averages decays
  (void)load_snapshot();
  Nanoseconds end = monotonic_now() + 60 * kNsPerSecond;
  for (int i = 0; i < 2; ++i) machine.start([end] { use_cpu_until(end); });
  machine.run(end);
  double one_minute = static_cast<double>(load_snapshot().load_average[0]) / 2048;
  EXPECT_NEAR(one_minute, 2 * (1 - 1 / 2.71828), 0.1);
}

TEST(Scheduler, CpuTimesAddUpToTheClock) {
  ThreadMachine machine;
  Nanoseconds start = monotonic_now();
  machine.start([] { advance_clock(40 * kMillisecond); });
  machine.run(start + kNsPerSecond);
  CpuTimes times = cpu_times(0);
  EXPECT_EQ(times.user + times.nice + times.system, 40 * kMillisecond);
  EXPECT_EQ(times.user + times.nice + times.system + times.idle, kNsPerSecond);
}

}  // namespace
}  // namespace tine::sched
