// SPDX-License-Identifier: MIT
//
// Kernel threads and what is built on them: parking, binding (E12), and work queues: order, delay,
// cancelling, flushing.
#include "task/work_queue.h"

#include <gtest/gtest.h>

#include <vector>

#include "arch/hosted/harness.h"
#include "task/clone/kthread.h"

namespace tine {
namespace {

using arch::hosted::run_core;

struct Note : DelayedWork {
  Note(std::vector<int>& l, int n)
      : DelayedWork([](Work& work) {
          auto& note = static_cast<Note&>(work);
          note.list.push_back(note.number);
        }),
        list(l), number(n) {}
  std::vector<int>& list;
  int number;
};

TEST(WorkQueue, RunsInOrderAndCancels) {
  run_core([] {
    WorkQueue queue;
    ASSERT_TRUE(queue.start("test"));
    std::vector<int> list;
    Note first(list, 1), second(list, 2), third(list, 3);
    {
      PreemptGuard nobody_runs_meanwhile;
      EXPECT_TRUE(queue.add(first));
      EXPECT_FALSE(queue.add(first));
      EXPECT_TRUE(queue.add(second));
      EXPECT_TRUE(queue.add(third));
    }
    EXPECT_TRUE(queue.cancel(static_cast<Work&>(second)));
    queue.flush();
    EXPECT_EQ(list, (std::vector<int>{1, 3}));
    EXPECT_FALSE(queue.cancel(static_cast<Work&>(second)));
    queue.stop();
  });
}

TEST(WorkQueue, DelayedWorkComesLater) {
  run_core([] {
    WorkQueue queue;
    ASSERT_TRUE(queue.start("test"));
    std::vector<int> list;
    Note first(list, 1), second(list, 2), never(list, 3);
    queue.add_after(second, 20'000'000);
    queue.add_after(first, 10'000'000);
    queue.add_after(never, 15'000'000);
    EXPECT_TRUE(queue.cancel(never));
    EXPECT_TRUE(list.empty());
    ASSERT_TRUE(time::sleep_until(time::Clock::monotonic, time::monotonic_now() + 30'000'000));
    queue.flush();
    EXPECT_EQ(list, (std::vector<int>{1, 2}));
    queue.stop();
  });
}

int turns = 0;

int turn_until_stopped(void*) {
  while (!kthread_should_stop()) {
    if (kthread_should_park()) kthread_park_here();
    ++turns;
    sched::yield();
  }
  return 7;
}

TEST(KernelThreads, ParkAndStop) {  // E12
  run_core(
      [] {
        Result<Ref<Task>> thread = kthread_create_on_cpu(turn_until_stopped, nullptr, 1, "turner");
        ASSERT_TRUE(thread);
        EXPECT_EQ((*thread)->cpus_allowed, 2u);
        kthread_wake(**thread);
        while (turns < 3) sched::yield();
        for (int i = 0; i < 5; ++i) {
          kthread_park(**thread);
          int before = turns;
          for (int n = 0; n < 10; ++n) sched::yield();
          EXPECT_EQ(turns, before);
          kthread_unpark(**thread);
          while (turns == before) sched::yield();
        }
        EXPECT_EQ((*thread)->cpu, 1u);
        EXPECT_EQ(kthread_stop(**thread), 7);
        EXPECT_EQ(kthread_create_on_cpu(turn_until_stopped, nullptr, 9, "nowhere").error(),
                  Errno::inval);
      },
      {.cpus = 2});
}

constexpr CpuId kCpus = 4;
CpuId began_on[kCpus];

int note_cpu(void* place) {
  *static_cast<CpuId*>(place) = arch::this_cpu().id;
  while (!kthread_should_stop()) sched::yield();
  return 0;
}

// Even if it is started before it has slept for the first time.
TEST(KernelThreads, BoundOnesNeverRunElsewhere) {  // E12
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    run_core(
        [seed] {
          for (CpuId cpu = 0; cpu < kCpus; ++cpu) {
            Result<Ref<Task>> thread =
                kthread_create_on_cpu(note_cpu, &began_on[cpu], cpu, "bound");
            ASSERT_TRUE(thread);
            began_on[cpu] = kMaxCpus;
            kthread_wake(**thread);
            while (began_on[cpu] == kMaxCpus) sched::yield();
            EXPECT_EQ(began_on[cpu], cpu) << "seed " << seed;
            EXPECT_EQ(kthread_stop(**thread), 0);
          }
        },
        {.cpus = kCpus, .seed = seed, .preempt_one_in = 10});
  }
}

}  // namespace
}  // namespace tine
