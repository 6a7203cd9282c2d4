// SPDX-License-Identifier: MIT
//
// What the scheduler gives a child (E-5): none of its parent's history (B55, B61, C23, E63, E70),
// the parent's policy by its own priority and not by the one that others lend it (E65-E68).
#include <gtest/gtest.h>

#include "arch/clock.h"
#include "arch/hosted/kernel_threads.h"
#include "sched/run_queue.h"
#include "sched/sched.h"
#include "sync/preempt.h"

namespace tine::sched {
namespace {

using arch::hosted::advance_clock;
using arch::hosted::ThreadMachine;

// A parent that has run, slept, been moved, boosted and woken others.
void give_a_history(Schedulable& parent) {
  parent.sum_exec_runtime = parent.user_time = parent.system_time = parent.wait_time = 7;
  parent.exec_start = parent.waits_since = parent.turn_start = 7;
  parent.first_wake_at = parent.awake_since = 7;
  parent.voluntary_switches = parent.involuntary_switches = parent.migrations = 7;
  parent.load.runnable = parent.load.running = 3;
  parent.deadline = {1, 2, 3};
  parent.deadline_at = 7;
  parent.boost = 3;
  parent.is_early = parent.is_throttled = true;
  parent.sampled_in_user_mode = false;
  parent.mutex_ranks_held = 2;
}

TEST(SchedFork, ChildHasNoHistory) {  // B55, B61, C23, E63, E70
  ThreadMachine machine;
  Schedulable parent, child;
  apply_policy(parent, kPolicyNormal, 0, 0);
  give_a_history(parent);
  give_a_history(child);
  child.on_rq = true;
  child.on_cpu = true;
  ASSERT_TRUE(sched_fork(child, parent));
  EXPECT_EQ(child.state.load(), TaskState::newborn);
  EXPECT_FALSE(child.on_rq || child.on_cpu || child.is_early || child.is_throttled);
  EXPECT_EQ(child.cpu.load(), parent.cpu.load());
  EXPECT_EQ(child.sum_exec_runtime + child.user_time + child.system_time + child.wait_time, 0);
  EXPECT_EQ(child.exec_start + child.waits_since + child.turn_start, 0);
  EXPECT_EQ(child.first_wake_at + child.awake_since, 0);
  EXPECT_EQ(child.voluntary_switches + child.involuntary_switches + child.migrations, 0u);
  EXPECT_EQ(child.load.runnable, kFullLoad);
  EXPECT_EQ(child.deadline.runtime + child.deadline.period + child.deadline_at, 0);
  EXPECT_EQ(child.boost, kNoBoost);
  EXPECT_EQ(child.mutex_ranks_held, 0u);
}

TEST(SchedFork, LentPriorityIsNotInherited) {  // E65, E15
  ThreadMachine machine;
  Schedulable parent, child;
  apply_policy(parent, kPolicyNormal, 0, 5);
  set_inherited_priority(parent, 9);
  ASSERT_EQ(parent.prio, 9);
  ASSERT_EQ(parent.sched_class, &realtime_class);
  ASSERT_TRUE(sched_fork(child, parent));
  EXPECT_EQ(child.prio, parent.static_prio);
  EXPECT_EQ(child.boost, kNoBoost);
  EXPECT_EQ(child.sched_class, &fair_class);  // E68
  EXPECT_EQ(nice_of(child), 5);
  set_inherited_priority(parent, kNoBoost);
}

TEST(SchedFork, FirstWakeUpBringsTheQueueUpToDate) {  // E87, E90, E91
  constexpr Nanoseconds kPassed = 3'000'000;
  ThreadMachine machine;
  auto& child = machine.create([] {});
  machine.start([&] {
    PreemptGuard nobody_switches;
    RunQueue& rq = run_queues[0];
    const Nanoseconds had = rq.current->sum_exec_runtime;
    const uint64_t runnable = rq.runnable;
    advance_clock(kPassed);
    wake_up_new_task(child.task);
    EXPECT_EQ(child.task.state.load(), TaskState::running);
    EXPECT_TRUE(child.task.on_rq);
    EXPECT_EQ(rq.runnable, runnable + 1);
    EXPECT_EQ(rq.now, arch::monotonic_now());
    EXPECT_EQ(rq.current->sum_exec_runtime, had + kPassed);
  });
  machine.run();
  EXPECT_TRUE(machine.all_finished());
}

// What the child may do with its affinity is its own affair (E59).
TEST(SchedFork, AffinityIsCopied) {
  ThreadMachine machine({.memory_bytes = 0, .cpus = 2});
  Schedulable parent, child;
  apply_policy(parent, kPolicyNormal, 0, 0);
  parent.cpus_allowed = 2;
  ASSERT_TRUE(sched_fork(child, parent));
  EXPECT_EQ(child.cpus_allowed, 2u);
  child.cpus_allowed = 1;
  EXPECT_EQ(parent.cpus_allowed, 2u);
}

}  // namespace
}  // namespace tine::sched
