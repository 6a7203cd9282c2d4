// SPDX-License-Identifier: MIT
//
// Kernel threads (E5-E12, B31, D4): kthreadd serves its requests in their order and loses none, a
// request that fails or is abandoned leaves nothing, a thread sleeps until it is woken, and none of
// them loads page tables. Parking and binding are in work_queue_test.cpp.
#include "task/clone/kthread.h"

#include <gtest/gtest.h>

#include <string_view>

#include "arch/hosted/harness.h"
#include "task/signal_state.h"

namespace tine {
namespace {

using namespace arch::hosted;

constexpr long kSysKill = 62, kSysSchedYield = 24;
constexpr int kKthreadd = 2;

void let_others_run() {
  for (int i = 0; i < 20; ++i) system_call(kSysSchedYield);
}

int run_count = 0;
int count_runs(void* argument) {
  run_count += *static_cast<int*>(argument);
  return 5;
}

TEST(KernelThreads, SleepUntilWokenAndGiveTheirResult) {  // B31, E11, E12, E83
  run_core([] {
    run_count = 0;
    int three = 3;
    Result<Ref<Task>> thread = kthread_create(count_runs, &three, "worker");
    ASSERT_TRUE(thread);
    let_others_run();
    EXPECT_EQ(run_count, 0);
    EXPECT_TRUE((*thread)->is_kernel_thread());
    EXPECT_FALSE((*thread)->mm);
    EXPECT_EQ((*thread)->Schedulable::mm, nullptr);
    kthread_wake(**thread);
    let_others_run();
    EXPECT_EQ(run_count, 3);
    EXPECT_EQ(kthread_stop(**thread), 5);
  });
}

TEST(KernelThreads, StoppedBeforeTheyRunTheyNeverDo) {  // E12
  run_core([] {
    run_count = 0;
    int one = 1;
    Result<Ref<Task>> thread = kthread_create(count_runs, &one, "worker");
    ASSERT_TRUE(thread);
    EXPECT_EQ(kthread_stop(**thread), -static_cast<int>(Errno::intr));
    EXPECT_EQ(run_count, 0);
  });
}

TEST(KernelThreads, AreChildrenOfKthreaddWhichNothingKills) {  // E8, E9, C16
  run_core([] {
    Ref<Task> kthreadd = find_task(kKthreadd);
    ASSERT_TRUE(kthreadd);
    EXPECT_EQ(std::string_view(kthreadd->name), "kthreadd");
    EXPECT_NE(kthreadd->flags & kPfNoFreeze, 0u);
    EXPECT_EQ(current().flags & (kPfNoFreeze | kPfKernelThread), 0u);
    for (uint64_t number : {signal::kSigKill, signal::kSigStop, signal::kSigTerm}) {
      EXPECT_EQ(system_call(kSysKill, kKthreadd, number), 0);
    }
    let_others_run();
    int one = 1;
    Result<Ref<Task>> thread = kthread_create(count_runs, &one, "worker");
    ASSERT_TRUE(thread);
    {
      IrqGuard guard(task_tree_lock);
      EXPECT_EQ(kthreadd->real_parent->tid(), 0);
      EXPECT_EQ((*thread)->real_parent, kthreadd.get());
    }
    EXPECT_EQ(kthread_stop(**thread), -static_cast<int>(Errno::intr));
  });
}

struct Outcome {
  int number = 0;
  Errno failure{};
};

// A process that makes a kernel thread and asks it to stop. Above kthreadd, which runs only when
// all such processes wait for it.
long fork_creator(Outcome& outcome) {
  return fork([&outcome] {
    static int one = 1;
    ASSERT_TRUE(sched::set_parameters(current(), {sched::kPolicyFifo, 10, 0, false}));
    Result<Ref<Task>> thread = kthread_create(count_runs, &one, "worker");
    if (thread) {
      outcome.number = (*thread)->tid();
      kthread_stop(**thread);
    } else {
      outcome.failure = thread.error();
    }
    exit_process(0);
  });
}

TEST(KernelThreads, AreMadeInTheOrderOfTheRequests) {  // E5
  run_core([] {
    Outcome outcomes[5];
    // The creators inherit it, and run in the order of their arrival.
    ASSERT_TRUE(sched::set_parameters(current(), {sched::kPolicyFifo, 5, 0, false}));
    for (Outcome& outcome : outcomes) fork_creator(outcome);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(wait_for(-1), 0);
    EXPECT_GT(outcomes[0].number, 0);
    for (int i = 1; i < 5; ++i) EXPECT_EQ(outcomes[i].number, outcomes[i - 1].number + 1);
  });
}

TEST(KernelThreads, AnAbandonedRequestComesToNothing) {  // E7
  run_core([] {
    static Outcome outcome;
    run_count = 0;
    expect_nothing_leaked([] {
      outcome = {};
      // So that the creator is killed after it has asked and before kthreadd runs.
      ASSERT_TRUE(sched::set_parameters(current(), {sched::kPolicyFifo, 5, 0, false}));
      const long creator = fork_creator(outcome);
      while (find_task(static_cast<int>(creator))->state.load() != TaskState::killable) {
        system_call(kSysSchedYield);
      }
      EXPECT_EQ(system_call(kSysKill, static_cast<uint64_t>(creator), signal::kSigKill), 0);
      EXPECT_EQ(wait_for(creator), signal::kSigKill);
      EXPECT_EQ(outcome.failure, Errno::intr);
      ASSERT_TRUE(sched::set_parameters(current(), {sched::kPolicyNormal, 0, 0, false}));
      let_others_run();
    });
    EXPECT_EQ(outcome.number, 0);
    EXPECT_EQ(run_count, 0);
  });
}

TEST(KernelThreads, WithoutMemoryTheRequestFailsAndNothingIsLost) {  // E6
  run_core([] {
    int one = 1;
    auto attempt = [&one] {
      Result<Ref<Task>> thread = kthread_create(count_runs, &one, "worker");
      arm_fault_injection(0);
      if (!thread) return thread.error();
      kthread_stop(**thread);
      return Errno{};
    };
    attempt();
    const MachineCounts before = settled_counts();
    arm_fault_injection(1);
    EXPECT_EQ(attempt(), Errno::nomem);
    EXPECT_EQ(settled_counts(), before);
    EXPECT_EQ(attempt(), Errno{});
    EXPECT_EQ(settled_counts(), before);
  });
}

TEST(KernelThreads, NoRequestIsLostWhoeverRunsWhere) {  // E10
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    run_core(
        [] {
          static std::atomic<int> made;
          made = 0;
          constexpr int kCreators = 4, kEach = 6;
          for (int i = 0; i < kCreators; ++i) {
            fork([] {
              for (int k = 0; k < kEach; ++k) {
                auto run = [](void*) { return ++made; };
                Result<Ref<Task>> thread = kthread_run(run, nullptr, "worker");
                EXPECT_TRUE(thread);
                EXPECT_NE(kthread_stop(**thread), 0);
              }
              exit_process(0);
            });
          }
          for (int i = 0; i < kCreators; ++i) EXPECT_EQ(wait_for(-1), 0);
          EXPECT_LE(made.load(), kCreators * kEach);  // some are stopped before they run
        },
        {.cpus = 4, .seed = seed, .preempt_one_in = 5});
  }
}

TEST(KernelThreads, LoadNoPageTables) {  // D4, B31
  run_core([] {
    int one = 1;
    run_count = 0;
    Result<Ref<Task>> thread = kthread_create(count_runs, &one, "worker");
    ASSERT_TRUE(thread);
    const PhysAddr table = loaded_page_table();
    const uint64_t before = tlb_counts().loads;
    kthread_wake(**thread);
    let_others_run();
    EXPECT_EQ(run_count, 1);
    EXPECT_EQ(kthread_stop(**thread), 5);
    EXPECT_EQ(tlb_counts().loads, before);
    EXPECT_EQ(loaded_page_table().value, table.value);
  });
}

}  // namespace
}  // namespace tine
