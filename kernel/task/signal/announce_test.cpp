// SPDX-License-Identifier: MIT
//
// What all threads of a process have to know is told a few at a time; all come to know it, whatever
// comes between: threads that are born and that leave, stops that are overtaken, preemption
// anywhere.
#include <gtest/gtest.h>

#include "arch/hosted/storm.h"
#include "sched/timer.h"
#include "task/pid/pid.h"
#include "task/signal_state.h"

namespace tine::signal {
namespace {

using namespace arch::hosted;

constexpr long kSysProcmask = 14, kSysPause = 34, kSysWait4 = 61, kSysKill = 62,
               kSysExitGroup = 231, kSysTgkill = 234;
constexpr uint64_t kUntraced = 2, kContinued = 8;
constexpr int kThreads = 40, kAtOnce = 8;

// Time passes on this machine only while all sleep.
void nap() {
  EXPECT_TRUE(time::sleep_until(time::Clock::monotonic, time::monotonic_now() + 1'000'000));
}

void rest() {
  for (;;) system_call(kSysPause);
}

// A process of kThreads threads that sleep, and of some that make threads all the time.
long start_process(int makers) {
  static std::atomic<bool> is_ready;
  is_ready = false;
  const long pid = fork([makers] {
    for (int i = 1; i < kThreads; ++i) EXPECT_GT(start_thread(rest), 0);
    for (int i = 0; i < makers; ++i) {
      start_thread([] {
        for (;;) {
          start_thread([] {});
          system_call(kSysYield);
        }
      });
    }
    is_ready = true;
    rest();
  });
  while (!is_ready) nap();
  return pid;
}

void kill(long pid, int number) {
  EXPECT_EQ(system_call(kSysKill, static_cast<uint64_t>(pid), static_cast<uint64_t>(number)), 0);
}

// The announcer has let go of the process, too, on return.
void expect_end(long pid, int status) {
  EXPECT_EQ(wait_for(pid), status);
  nap();
}

template <class Matches>
int count_threads(Task& process, Matches&& matches) {
  IrqGuard tree(task_tree_lock);
  int count = 0;
  for (Task& thread : process.signal->threads) count += matches(thread);
  return count;
}

TEST(Announcement, FewAreToldAtOnceOfTheEnd) {
  run_core([] {
    expect_nothing_leaked([] {
      const long pid = start_process(0);
      const Ref<Task> process = find_task(static_cast<int>(pid));
      preempt_disable();
      EXPECT_TRUE(send_to_process(*process, kSigKill));
      const int told = count_threads(*process, [](Task& t) { return fatal_signal_pending(t); });
      preempt_enable();
      EXPECT_GT(told, 0);
      EXPECT_LE(told, kAtOnce);
      expect_end(pid, kSigKill);
    });
  });
}

TEST(Announcement, FewAreToldAtOnceToGoOn) {
  run_core([] {
    expect_nothing_leaked([] {
      const long pid = start_process(0);
      const Ref<Task> process = find_task(static_cast<int>(pid));
      const auto has_stopped = [](Task& t) { return t.state.load() == TaskState::stopped; };
      kill(pid, kSigStop);
      const uint64_t status = (kUserMemory + 64).value;
      EXPECT_EQ(system_call(kSysWait4, static_cast<uint64_t>(pid), status, kUntraced), pid);
      EXPECT_EQ(count_threads(*process, has_stopped), kThreads);
      preempt_disable();
      EXPECT_TRUE(send_to_process(*process, kSigCont));
      EXPECT_GE(count_threads(*process, has_stopped), kThreads - kAtOnce);
      preempt_enable();
      EXPECT_EQ(system_call(kSysWait4, static_cast<uint64_t>(pid), status, kContinued), pid);
      while (count_threads(*process, has_stopped) != 0) nap();
      kill(pid, kSigKill);
      expect_end(pid, kSigKill);
    });
  });
}

// POSIX 2.4.3: SIGCONT takes stop signals away, also those that were sent to a single thread.
TEST(Announcement, ContinuingForgetsTheStopsOfSingleThreads) {
  run_core([] {
    expect_nothing_leaked([] {
      store_value<uint64_t>(kUserMemory, bit(kSigTstp));
      EXPECT_EQ(system_call(kSysProcmask, 0, kUserMemory.value, 0, 8), 0);
      const long pid = start_process(0);
      const Ref<Task> process = find_task(static_cast<int>(pid));
      const auto has_stop = [](Task& t) { return (t.pending.set & bit(kSigTstp)) != 0; };
      for (int round = 0; round < 2; ++round) {
        const auto thread = static_cast<uint64_t>(process->signal->threads.back().tid());
        EXPECT_EQ(system_call(kSysTgkill, static_cast<uint64_t>(pid), thread, kSigTstp), 0);
        EXPECT_EQ(count_threads(*process, has_stop), 1);
        kill(pid, kSigCont);
        EXPECT_EQ(count_threads(*process, has_stop), 0);
      }
      kill(pid, kSigKill);
      expect_end(pid, kSigKill);
    });
  });
}

TEST(Announcement, AllDieWhileSomeMakeThreads) {  // B73
  in_many_orders(40, [] {
    const long pid = start_process(3);
    kill(pid, kSigKill);
    expect_end(pid, kSigKill);
  });
}

TEST(Announcement, ExitGroupEndsThoseWhoMakeThreads) {
  in_many_orders(40, [] {
    const long pid = fork([] {
      for (int i = 0; i < kThreads; ++i) {
        start_thread([i] {
          if (i % 4 != 0) rest();
          for (;;) start_thread([] {});
        });
      }
      start_thread([] { system_call(kSysExitGroup, 7); });
      rest();
    });
    expect_end(pid, 7 << 8);
  });
}

TEST(Announcement, StopsAndContinuationsOvertakeEachOther) {
  in_many_orders(40, [] {
    const long pid = start_process(2);
    for (int i = 0; i < 20; ++i) {
      kill(pid, kSigStop);
      if (i % 3 == 0) system_call(kSysYield);
      kill(pid, kSigCont);
      if (i % 5 == 0) system_call(kSysYield);
    }
    kill(pid, kSigStop);
    const UserAddr status = kUserMemory + 64;
    do {
      EXPECT_EQ(
          system_call(kSysWait4, static_cast<uint64_t>(pid), status.value, kUntraced | kContinued),
          pid);
    } while (load_value<int>(status) == 0xffff);
    const Ref<Task> process = find_task(static_cast<int>(pid));
    const auto goes_on = [](Task& t) {  // who ends goes on with that
      return t.state.load() != TaskState::stopped && !(t.flags & kPfExiting);
    };
    EXPECT_EQ(count_threads(*process, goes_on), 0);
    kill(pid, kSigKill);
    expect_end(pid, kSigKill);
  });
}

}  // namespace
}  // namespace tine::signal
