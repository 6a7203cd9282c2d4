// SPDX-License-Identifier: MIT
//
// Timers: order, re-arming and cancelling, also from callbacks and other CPUs; sleeping on both
// clocks; setting the wall clock wakes those who wait by it.
#include "sched/timer.h"

#include <gtest/gtest.h>

#include <vector>

#include "arch/hosted/kernel_threads.h"
#include "core/testing.h"
#include "sched/sched.h"

namespace tine::time {
namespace {

using arch::hosted::advance_clock;
using arch::hosted::KernelThread;
using arch::hosted::ThreadMachine;

struct NotingTimer : Timer {
  NotingTimer(std::vector<std::pair<int, Nanoseconds>>& out, int n)
      : Timer(fired), fired_into(out), number(n) {}
  static void fired(Timer& timer) {
    auto& self = static_cast<NotingTimer&>(timer);
    self.fired_into.emplace_back(self.number, monotonic_now());
    if (self.again > 0 && self.again-- > 0) arm(self, monotonic_now() + 10);
  }
  std::vector<std::pair<int, Nanoseconds>>& fired_into;
  int number;
  int again = 0;
};

using Fired = std::vector<std::pair<int, Nanoseconds>>;

TEST(Timer, FiresInOrderOfDeadlines) {
  ThreadMachine machine;
  Fired fired;
  NotingTimer a(fired, 1), b(fired, 2), c(fired, 3), equal(fired, 4);
  Nanoseconds now = monotonic_now();
  arm(a, now + 300);
  arm(b, now + 100);
  arm(c, now + 200);
  arm(equal, now + 100);
  advance_clock(250);
  EXPECT_EQ(fired, (Fired{{2, now + 100}, {4, now + 100}, {3, now + 200}}));
  EXPECT_TRUE(a.armed);
  advance_clock(50);
  EXPECT_EQ(fired.back(), std::pair(1, now + 300));
}

TEST(Timer, CancelAndRearm) {
  ThreadMachine machine;
  Fired fired;
  NotingTimer a(fired, 1), b(fired, 2);
  Nanoseconds now = monotonic_now();
  arm(a, now + 100);
  arm(b, now + 200);
  EXPECT_TRUE(cancel(a));
  EXPECT_FALSE(cancel(a));
  arm(b, now + 50);
  arm(b, now + 400);
  advance_clock(1000);
  EXPECT_EQ(fired, (Fired{{2, now + 400}}));
  EXPECT_FALSE(cancel(b));
}

TEST(Timer, CallbackMayRearmItself) {
  ThreadMachine machine;
  Fired fired;
  NotingTimer a(fired, 1);
  a.again = 3;
  arm(a, monotonic_now() + 10);
  advance_clock(1000);
  EXPECT_EQ(fired.size(), 4u);
  EXPECT_FALSE(a.armed);
}

TEST(Timer, PastDeadlineFiresAtOnce) {
  ThreadMachine machine;
  Fired fired;
  NotingTimer a(fired, 1);
  arm(a, 1);
  advance_clock(0);
  EXPECT_EQ(fired.size(), 1u);
}

// The timer's memory goes right after cancel(): ASan would see a callback that still runs.
TEST(Timer, CancelFromAnotherCpuWaitsForTheCallback) {
  for_each_seed(10'000, [&](uint64_t seed) {
    ThreadMachine machine({.memory_bytes = 0, .cpus = 2, .seed = seed, .preempt_one_in = 5});
    Fired fired;
    auto* timer = new NotingTimer(fired, 1);
    std::atomic<bool> armed = false;
    machine.start([&] {
      arm(*timer, monotonic_now() + 500'000);
      armed = true;
    });
    machine.start(
        [&] {
          while (!armed) sched::yield();
          for (int i = 0; i < static_cast<int>(seed % 8); ++i) sched::yield();
          cancel(*timer);
          delete timer;
        },
        [](sched::Schedulable& task) { task.cpus_allowed = 2; });
    machine.run();
    ASSERT_TRUE(machine.all_finished());
  });
}

// As setitimer(2) does it: armed again on another CPU while its callback runs, and cancelled there.
TEST(Timer, CancelWaitsForACallbackThatAnotherCpuArmedAgain) {
  struct SlowTimer : Timer {
    SlowTimer() : Timer(fired) {}
    static void fired(Timer& timer) {
      auto& self = static_cast<SlowTimer&>(timer);
      self.is_called = true;
      for (int i = 0; i < 20; ++i) arch::poll_relax();
      ++self.calls;
    }
    std::atomic<bool> is_called = false;
    int calls = 0;
  };
  for_each_seed(1'000, [&](uint64_t seed) {
    ThreadMachine machine({.memory_bytes = 0, .cpus = 2, .seed = seed, .preempt_one_in = 5});
    auto* timer = new SlowTimer;
    machine.start([&] {
      const Nanoseconds now = monotonic_now();
      arm(*timer, now + 500'000);
      arch::hosted::use_cpu_until(now + 1'000'000);
    });
    machine.start(
        [&] {
          while (!timer->is_called) arch::poll_relax();
          arm(*timer, monotonic_now() + 5'000'000);
          cancel(*timer);
          EXPECT_EQ(timer->calls, 1);
          delete timer;
        },
        [](sched::Schedulable& task) { task.cpus_allowed = 2; });
    machine.run();
    ASSERT_TRUE(machine.all_finished());
  });
}

TEST(Sleep, EndsAtTheDeadlineOfEitherClock) {
  ThreadMachine machine;
  Nanoseconds start = monotonic_now();
  Nanoseconds monotonic_end = 0, realtime_end = 0;
  machine.start([&] {
    EXPECT_TRUE(sleep_until(Clock::monotonic, start + 1000));
    monotonic_end = monotonic_now();
  });
  machine.start([&] {
    EXPECT_TRUE(sleep_until(Clock::realtime, arch::hosted::kBootWallClock + start + 2000));
    realtime_end = monotonic_now();
  });
  machine.run();
  EXPECT_EQ(monotonic_end, start + 1000);
  EXPECT_EQ(realtime_end, start + 2000);
}

TEST(Sleep, SettingTheWallClockMovesItsSleepers) {
  ThreadMachine machine;
  Nanoseconds start = monotonic_now();
  Nanoseconds end = 0;
  machine.start([&] {
    EXPECT_TRUE(sleep_until(Clock::realtime, realtime_now() + 100 * kNsPerSecond));
    end = monotonic_now();
  });
  machine.run(start + kNsPerSecond);
  set_realtime(realtime_now() + 90 * kNsPerSecond);
  machine.run();
  EXPECT_EQ(end, start + 10 * kNsPerSecond);
}

TEST(Sleep, SignalInterrupts) {
  ThreadMachine machine;
  Result<void> outcome;
  KernelThread& thread = machine.start(
      [&] { outcome = sleep_until(Clock::monotonic, monotonic_now() + 100 * kNsPerSecond); });
  machine.run(monotonic_now() + 1000);
  thread.task.work.fetch_or(sched::kWorkSignal);
  wake_up(thread.task, WakeMode::interruptible);
  machine.run(monotonic_now() + 1000);
  EXPECT_EQ(outcome.error(), Errno::restart_sys);
}

}  // namespace
}  // namespace tine::time
