// SPDX-License-Identifier: MIT
//
// Where tasks run and when they give way: the table of preemption between classes (E93), one
// interrupt at most for a reschedule and none to a CPU that polls (E96-E98), the choice of a CPU at
// fork and wake-up, moving running tasks off forbidden CPUs, work stealing, and load tracking (E69).
#include <vector>

#include "sched/barrier.h"
#include "sched/testing.h"
#include "sync/preempt.h"

namespace tine::sched {
namespace {

constexpr DeadlineParameters kTightDeadline{kMillisecond, 10 * kMillisecond, 10 * kMillisecond};
constexpr DeadlineParameters kLooseDeadline{kMillisecond, 90 * kMillisecond, 90 * kMillisecond};

struct Kind {
  const char* name;
  Parameters parameters;
};
const Kind kKinds[] = {
    {"tight deadline", {kPolicyDeadline, 0, 0, false, kTightDeadline}},
    {"loose deadline", {kPolicyDeadline, 0, 0, false, kLooseDeadline}},
    {"fifo 50", {kPolicyFifo, 50, 0, false}},
    {"rr 49", {kPolicyRoundRobin, 49, 0, false}},
    {"normal", {kPolicyNormal, 0, 0, false}},
    {"idle policy", {kPolicyIdle, 0, 0, false}},
};

// Each kind that stands earlier in the table takes the CPU from each later one as it is woken, and
// never the other way round.
TEST(Placement, WakeUpPreemptsByClassAndWithinIt) {  // E93
  for (const Kind& running : kKinds) {
    for (const Kind& woken : kKinds) {
      ThreadMachine machine;
      bool ran_at_once = false;
      bool ran = false;
      KernelThread& second = machine.create([&ran] { ran = true; });
      ASSERT_TRUE(set_parameters(second.task, woken.parameters));
      KernelThread& first = machine.start(
          [&] {
            wake_up_new_task(second.task);
            ran_at_once = ran;
          },
          [&](Schedulable& task) { ASSERT_TRUE(set_parameters(task, running.parameters)); });
      machine.run();
      EXPECT_TRUE(ran);
      EXPECT_EQ(ran_at_once, &woken < &running) << woken.name << " woken by " << running.name;
      for (KernelThread* thread : {&first, &second}) {
        ASSERT_TRUE(set_parameters(thread->task, {kPolicyNormal, 0, 0, false}));
      }
    }
  }
}

TEST(Placement, OneInterruptForManyWakeUps) {  // E96, E98
  ThreadMachine machine({.memory_bytes = 0, .cpus = 2});
  machine.run();  // until the other CPU has given up polling
  RunQueue& other = run_queues[1];
  std::vector<KernelThread*> threads;
  for (int i = 0; i < 3; ++i) {
    threads.push_back(&machine.create([] {}));
    threads.back()->task.cpus_allowed = 2;
  }
  {
    PreemptGuard guard;
    arch::IrqState state = arch::irq_save();
    uint64_t before = other.reschedule_interrupts;
    for (KernelThread* thread : threads) wake_up_new_task(thread->task);
    EXPECT_EQ(other.reschedule_interrupts, before + 1);
    arch::irq_restore(state);
  }
  machine.run();
  EXPECT_TRUE(machine.all_finished());
}

TEST(Placement, NoInterruptToACpuThatPolls) {  // E98
  ThreadMachine machine({.memory_bytes = 0, .cpus = 2});
  machine.run();  // until the other CPU has given up polling
  RunQueue& other = run_queues[1];
  KernelThread& thread = machine.create([] {});
  thread.task.cpus_allowed = 2;
  {
    PreemptGuard guard;
    arch::IrqState state = arch::irq_save();
    uint64_t before = other.reschedule_interrupts;
    other.idle_polls.store(true);
    wake_up_new_task(thread.task);
    EXPECT_EQ(other.reschedule_interrupts, before);
    EXPECT_TRUE(other.poll_wake.load());
    other.idle_polls.store(false);
    arch::send_reschedule_interrupt(1);  // the real one does not poll now
    arch::irq_restore(state);
  }
  machine.run();
  EXPECT_TRUE(machine.all_finished());
}

TEST(Placement, RunningTaskLeavesAForbiddenCpuAtOnce) {
  for_each_seed(10'000, [&](uint64_t seed) {
    ThreadMachine machine({.memory_bytes = 0, .cpus = 3, .seed = seed, .preempt_one_in = 20});
    machine.start_stop_tasks();
    bool stop = false;
    KernelThread& victim = machine.start(
        [&stop] {
          while (!stop) use_cpu(kMillisecond / 8);
        },
        [](Schedulable& task) { task.cpus_allowed = 2; });
    machine.start(
        [&] {
          while (victim.task.sum_exec_runtime == 0) yield();
          for (int i = 0; i < 6; ++i) {
            uint64_t allowed = 1ull << (i % 3);
            ASSERT_TRUE(set_affinity(victim.task, allowed));
            ASSERT_TRUE(allowed >> victim.task.cpu & 1);
            yield();
          }
          stop = true;
        },
        as_fifo(1));
    machine.run();
    ASSERT_TRUE(machine.all_finished());
    EXPECT_GT(victim.task.migrations, 1u);
  });
}

TEST(Placement, TaskMovesItselfOffItsCpu) {
  ThreadMachine machine({.memory_bytes = 0, .cpus = 2});
  machine.start_stop_tasks();
  machine.start([] {
    for (uint64_t allowed : {2, 1, 2, 3}) {
      ASSERT_TRUE(set_affinity(*arch::current_schedulable(), allowed));
      EXPECT_TRUE(allowed >> arch::this_cpu().id & 1);
    }
  });
  machine.run();
  EXPECT_TRUE(machine.all_finished());
}

TEST(Placement, IdleCpuTakesWaitingWork) {
  ThreadMachine machine({.memory_bytes = 0, .cpus = 2, .seed = 5});
  Nanoseconds end = monotonic_now() + kNsPerSecond;
  auto work = [end] { use_cpu_until(end); };
  // Both begin on CPU 1; then they may go where they like.
  KernelThread& first = machine.start(work, [](Schedulable& task) { task.cpus_allowed = 2; });
  KernelThread& second = machine.start(work, [](Schedulable& task) { task.cpus_allowed = 2; });
  first.task.cpus_allowed = second.task.cpus_allowed = 3;
  machine.start([] { advance_clock(kMillisecond); }, [](Schedulable& t) { t.cpus_allowed = 1; });
  machine.run();
  EXPECT_GT(first.task.sum_exec_runtime, 900 * kMillisecond);
  EXPECT_GT(second.task.sum_exec_runtime, 900 * kMillisecond);
}

TEST(Placement, WokenTaskReturnsToItsIdleCpu) {
  ThreadMachine machine({.memory_bytes = 0, .cpus = 4, .seed = 2});
  std::vector<CpuId> seen;
  machine.start([&seen] {
    for (int i = 0; i < 10; ++i) {
      seen.push_back(arch::this_cpu().id);
      prepare_to_sleep(TaskState::uninterruptible);
      (void)schedule_until(monotonic_now() + kMillisecond);
      finish_sleep();
    }
  });
  machine.run();
  for (CpuId cpu : seen) EXPECT_EQ(cpu, seen[0]);
}

TEST(Placement, WokenTaskWaitsForAWakerThatSleepsBeforeAnIdleCpuHasWoken) {
  ThreadMachine machine({.memory_bytes = 0, .cpus = 2});
  machine.run();  // until the other CPU has given up polling
  machine.start(
      [] {
        arch::IrqState irqs = arch::irq_save();
        Schedulable& waker = *arch::current_schedulable();
        Schedulable woken;
        woken.cpu = 1;
        RunQueue& other = run_queues[1];
        auto choice = [&](Nanoseconds cost, Nanoseconds sleeps_after, Placement why) {
          other.start_cost.store(cost);
          waker.first_wake_at = 0;
          waker.sleeps_after_wake = sleeps_after;
          return select_cpu(woken, why);
        };
        for (Placement why : {Placement::wake_up, Placement::fork}) {
          EXPECT_EQ(choice(kMillisecond, kMillisecond / 10, why), 0u);
          EXPECT_EQ(choice(kMillisecond, 2 * kMillisecond, why), 1u);
          EXPECT_EQ(choice(0, 0, why), 1u);
          other.idle_polls.store(true);  // and so costs nothing
          EXPECT_EQ(choice(kMillisecond, 0, why), 1u);
          other.idle_polls.store(false);
          EXPECT_EQ(choice(kMillisecond, 0, why), 0u);
          advance_clock(2 * kMillisecond);  // since it woke the last one: it does not sleep after all
          EXPECT_EQ(select_cpu(woken, why), 1u);
        }
        woken.cpus_allowed = 2;
        EXPECT_EQ(choice(kMillisecond, 0, Placement::wake_up), 1u);
        waker.first_wake_at = 0;
        arch::irq_restore(irqs);
      },
      [](Schedulable& task) { task.cpus_allowed = 1; });
  machine.run();
  EXPECT_TRUE(machine.all_finished());
}

// A guess that was wrong: the waker goes on and on. The next tick has the idle CPU come.
TEST(Placement, TickHasAnIdleCpuTakeATaskThatWaits) {
  ThreadMachine machine({.memory_bytes = 0, .cpus = 2, .seed = 3});
  machine.run();  // until the other CPU has given up polling
  Nanoseconds started = kNever;
  KernelThread& woken = machine.create([&started] { started = monotonic_now(); });
  Nanoseconds woken_at = 0;
  machine.start([&] {
    run_queues[1 - arch::this_cpu().id].start_cost.store(kNsPerSecond);
    woken_at = monotonic_now();
    wake_up_new_task(woken.task);
    EXPECT_EQ(woken.task.cpu, arch::this_cpu().id);
    PreemptGuard stay;
    use_cpu(25 * kMillisecond);
  });
  machine.run();
  EXPECT_LE(started - woken_at, 2 * kTick);
  EXPECT_EQ(woken.task.migrations, 1u);
}

TEST(Placement, WaitingRealTimeTaskIsTakenByACpuWithLesserWork) {  // E95
  ThreadMachine machine({.memory_bytes = 0, .cpus = 2, .seed = 4});
  Nanoseconds end = monotonic_now() + kNsPerSecond;
  auto work = [end] { use_cpu_until(end); };
  std::vector<KernelThread*> threads;
  for (int i = 0; i < 2; ++i) {
    threads.push_back(&machine.start(work, as_fifo(10)));
  }
  machine.run();
  for (KernelThread* thread : threads) {
    EXPECT_GT(thread->task.sum_exec_runtime, 900 * kMillisecond);
  }
}

TEST(Placement, BarrierReachesTheCpusThatRunTheProcess) {
  ThreadMachine machine({.memory_bytes = 0, .cpus = 3, .seed = 9});
  bool stop = false;
  machine.start([&stop] { while (!stop) use_cpu(kMillisecond); },
                [](Schedulable& task) { task.cpus_allowed = 2; });
  machine.start(
      [&stop] {
        advance_clock(5 * kMillisecond);
        uint64_t before = run_queues[1].barriers.load();
        barrier_on_cpus(nullptr, false);  // kernel threads have no memory to order
        EXPECT_EQ(run_queues[1].barriers.load(), before);
        stop = true;
      },
      [](Schedulable& task) { task.cpus_allowed = 1; });
  machine.run();
  EXPECT_TRUE(machine.all_finished());
}

// --- Load tracking.

TEST(LoadTracking, HalvesIn32Periods) {
  constexpr Nanoseconds kPeriod = Nanoseconds{1} << kLoadPeriodShift;
  TaskLoad load;
  EXPECT_EQ(load.runnable, kFullLoad);  // E69
  load.update(32 * kPeriod, false, false);
  EXPECT_NEAR(load.runnable, kFullLoad / 2, 1);
  load.update(64 * kPeriod, true, true);
  EXPECT_NEAR(load.runnable, kFullLoad * 3 / 4, 1);
  load.update(10'000 * kPeriod, false, false);
  EXPECT_EQ(load.runnable, 0u);
  load.update(20'000 * kPeriod, true, false);
  EXPECT_NEAR(load.runnable, kFullLoad, 1);
  EXPECT_EQ(load.running, 0u);
}

TEST(LoadTracking, ManySmallStepsEqualOneLarge) {
  constexpr Nanoseconds kPeriod = Nanoseconds{1} << kLoadPeriodShift;
  CpuLoad steps, once;
  for (int i = 1; i <= 100; ++i) steps.update(i * kPeriod, 100'000);
  once.update(100 * kPeriod, 100'000);
  EXPECT_NEAR(static_cast<double>(steps.average), static_cast<double>(once.average), 200);
}

TEST(LoadTracking, ForkedTaskStartsWithFullLoad) {  // E69, E63
  ThreadMachine machine;
  Schedulable parent, child;
  apply_policy(parent, kPolicyNormal, 0, 0);
  parent.load.runnable = parent.load.running = 3;
  parent.wait_time = 9;
  ASSERT_TRUE(sched_fork(child, parent));
  EXPECT_EQ(child.load.runnable, kFullLoad);
  EXPECT_EQ(child.wait_time + child.sum_exec_runtime, 0);
}

}  // namespace
}  // namespace tine::sched
