// SPDX-License-Identifier: MIT
//
// A child between its making and its first run, and what it has of its own then: it is whole when
// it can be found (A8, A23, B73), nothing wakes it before wake_up_new_task() (E64), its number is
// right however soon it is gone (D33), and what is not inherited starts as if there had been no
// parent.
#include <gtest/gtest.h>

#include <algorithm>

#include "arch/hosted/harness.h"
#include "task/clone/copy_process.h"
#include "task/signal_state.h"
#include "task/task.h"

namespace tine {
namespace {

using namespace arch::hosted;

constexpr long kSysGetpid = 39, kSysKill = 62, kSysRtSigaction = 13, kSysSchedYield = 24;
constexpr long kSysWait4 = 61;

// A child of the running process that others can find and that has not been woken.
Ref<Task> make_newborn(std::function<void()> program) {
  arch::user_regs(current()).child_program = register_program(std::move(program));
  return *copy_process(current(), CloneRequest::from_fork());
}

// Whatever has been published has all that it runs with and all that it is found by.
void expect_whole(const Task& task) REQUIRES(task_tree_lock) {
  ASSERT_TRUE(task.pid && task.signal && task.sighand && task.namespaces && task.real_creds);
  EXPECT_EQ(task.pid->task.load(), &task);
  ASSERT_NE(task.group_leader, nullptr);
  ASSERT_NE(task.real_parent, nullptr);
  EXPECT_NE(task.parent, nullptr);
  EXPECT_TRUE(task.signal->process_group && task.signal->session);
  EXPECT_NE(task.sched_class, nullptr);
  if (task.state.load() != TaskState::newborn) return;
  EXPECT_NE(task.kernel_stack.value, 0u);
  EXPECT_NE(task.context.fibre, nullptr);
  EXPECT_FALSE(task.on_rq);
  EXPECT_EQ(task.is_kernel_thread(), task.Schedulable::mm == nullptr);
  EXPECT_TRUE(task.files && task.fs);
}

TEST(Birth, NewbornIsWholeAndNothingWakesIt) {  // A8, A23, E64
  run_core([] {
    bool ran = false;
    Ref<Task> child = make_newborn([&ran] {
      ran = true;
      exit_process(0);
    });
    const auto number = static_cast<uint64_t>(child->tid());
    {
      IrqGuard guard(task_tree_lock);
      EXPECT_EQ(find_task_locked(child->tid()), child.get());
      expect_whole(*child);
      EXPECT_TRUE(std::ranges::any_of(current().children,
                                      [&](Task& task) { return &task == child.get(); }));
    }
    EXPECT_NE(child->mm->top_table.load().value, 0u);
    for (uint64_t number_of_signal : {signal::kSigCont, signal::kSigUsr1, signal::kSigKill}) {
      EXPECT_EQ(system_call(kSysKill, number, number_of_signal), 0);
      for (int i = 0; i < 5; ++i) system_call(kSysSchedYield);
      EXPECT_EQ(child->state.load(), TaskState::newborn);
      EXPECT_FALSE(child->on_rq);
    }
    sched::wake_up_new_task(*child);
    EXPECT_EQ(wait_for(static_cast<long>(number)), signal::kSigUsr1);  // that came first
    EXPECT_FALSE(ran);
  });
}

TEST(Birth, OthersSeeAllOfAChildOrNothing) {  // A8, A23, B73
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    run_core(
        [] {
          static std::atomic<int> forkers;
          static uint64_t seen;
          forkers = 2;
          seen = 0;
          for (int i = 0; i < 2; ++i) {
            fork([] {
              for (int k = 0; k < 30; ++k) EXPECT_EQ(wait_for(fork([] { exit_process(0); })), 0);
              --forkers;
              exit_process(0);
            });
          }
          const auto everybody = static_cast<uint64_t>(-1);
          while (forkers != 0) {
            for (Ref<Task> task = next_process(1); task; task = next_process(task->tid() + 1)) {
              IrqGuard guard(task_tree_lock);
              if (find_task_locked(task->tid()) != task.get()) continue;  // gone since
              ++seen;
              expect_whole(*task);
            }
            (void)system_call(kSysKill, everybody, signal::kSigCont);
            system_call(kSysSchedYield);
          }
          EXPECT_GT(seen, 100u);
          for (int i = 0; i < 2; ++i) EXPECT_EQ(wait_for(-1), 0);
        },
        {.cpus = 3, .seed = seed, .preempt_one_in = 10});
  }
}

// The parent ignores SIGCHLD, so that a child may be gone for good before fork has returned.
TEST(Birth, NumberIsRightHoweverSoonTheChildIsGone) {  // A24, D33
  static int gone_before_the_return;
  static std::atomic<long> own_number;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    run_core(
        [] {
          const uint64_t ignore[] = {1, 0, 0, 0};  // SIG_IGN
          store(kUserMemory, ignore, sizeof ignore);
          ASSERT_EQ(system_call(kSysRtSigaction, signal::kSigChld, kUserMemory.value, 0, 8), 0);
          gone_before_the_return = 0;
          for (int i = 0; i < 100; ++i) {
            own_number = 0;
            const long number = fork([] {
              own_number = system_call(kSysGetpid);
              exit_process(0);
            });
            gone_before_the_return += !find_task(static_cast<int>(number));
            EXPECT_EQ(system_call(kSysWait4, ~0ull, 0, 0, 0), -static_cast<long>(Errno::child));
            EXPECT_EQ(own_number, number);
          }
          EXPECT_GT(gone_before_the_return, 0);
        },
        {.cpus = 2, .seed = seed, .preempt_one_in = 5});
  }
}

TEST(Birth, ChildIsCurrentOnAStackOfItsOwn) {  // C4, E52
  run_core([] {
    const Task* parent = &current();
    const VirtAddr stack = parent->kernel_stack;
    const long child = fork([&] {
      EXPECT_NE(&current(), parent);
      EXPECT_EQ(current().tid(), system_call(kSysGetpid));
      EXPECT_EQ(current().real_creds.get(), parent->real_creds.get());
      EXPECT_NE(current().kernel_stack.value, stack.value);
      EXPECT_NE(current().kernel_stack.value, 0u);
      exit_process(0);
    });
    EXPECT_EQ(wait_for(child), 0);
    EXPECT_EQ(current().kernel_stack.value, stack.value);
  });
}

void fill_what_is_not_inherited(Task& task) {
  task.flags |= kPfSuperPrivileges | kPfNoFreeze;
  task.robust_list = task.set_child_tid = task.clear_child_tid = UserAddr(64);
  task.read_bytes = task.written_bytes = task.read_calls = task.write_calls = 7;
  task.minor_faults = task.major_faults = 7;
  task.voluntary_switches = task.involuntary_switches = 7;
  task.parent_death_signal = signal::kSigUsr1;
  task.waits_for = signal::bit(signal::kSigUsr1);
  task.work.fetch_or(sched::kWorkNotifyResume);
}

// Every one of these was set in the parent.
void expect_own_start(const Task& child) {
  EXPECT_EQ(child.flags & (kPfSuperPrivileges | kPfNoFreeze), 0u);  // C16, B46
  EXPECT_NE(child.flags & kPfForkNoExec, 0u);
  EXPECT_EQ(child.robust_list.value, 0u);  // E37
  EXPECT_EQ(child.set_child_tid.value + child.clear_child_tid.value, 0u);
  EXPECT_EQ(child.read_bytes + child.written_bytes + child.read_calls + child.write_calls, 0u);
  EXPECT_EQ(child.minor_faults + child.major_faults, 0u);                // D1
  EXPECT_EQ(child.voluntary_switches + child.involuntary_switches, 0u);  // D2
  EXPECT_EQ(child.parent_death_signal, 0);
  EXPECT_EQ(child.waits_for, 0u);
  EXPECT_EQ(child.work.load(), 0u);  // C22, E56
}

TEST(Birth, WhatIsNotInheritedStartsEmpty) {  // B55, C5, C16, C22, D2, E15, E56, E61
  run_core([] {
    Task& parent = current();
    fill_what_is_not_inherited(parent);
    parent.restart.resume = [](signal::RestartBlock&) -> SyscallResult { return 0; };
    Ref<Task> child = make_newborn([] { exit_process(0); });
    expect_own_start(*child);
    EXPECT_EQ(child->restart.resume, signal::RestartBlock().resume);  // C5
    EXPECT_EQ(child->pi_held, nullptr);                               // E15
    EXPECT_EQ(child->pi_blocked_on, nullptr);
    EXPECT_EQ(child->kernel_thread, nullptr);
    EXPECT_EQ(child->mutex_ranks_held, 0u);  // B55
    parent.flags &= ~(kPfSuperPrivileges | kPfNoFreeze);
    parent.robust_list = parent.clear_child_tid = UserAddr();
    sched::wake_up_new_task(*child);
    EXPECT_EQ(wait_for(child->tid()), 0);
  });
}

TEST(Birth, ADamagedEndOfTheStackIsFound) {  // E57
  auto run = [](uint64_t damage) {
    return run_core_in_child(
        [damage] {
          *reinterpret_cast<uint64_t*>(current().kernel_stack.value) = damage;
          system_call(kSysSchedYield);
        },
        {}, [] { return testing::Test::HasFailure(); });
  };
  EXPECT_TRUE(run(0));
  EXPECT_FALSE(run(1));
}

TEST(Birth, NoCpuHasTheChildsMemoryLoaded) {  // D8
  run_core([] {
    EXPECT_NE(current().mm->loaded_on.load(), 0u);
    Ref<Task> child = make_newborn([] { exit_process(0); });
    EXPECT_EQ(child->mm->loaded_on.load(), 0u);  // whom a flush would interrupt
    sched::wake_up_new_task(*child);
    EXPECT_EQ(wait_for(child->tid()), 0);
  });
}

}  // namespace
}  // namespace tine
