// SPDX-License-Identifier: MIT
//
// Wait queues and completions (CONTRACT B3-B6): order of wake-ups, interruption, time-outs, and
// that no wake-up is lost under random interleavings of two CPUs.
#include "sync/wait_queue.h"

#include <gtest/gtest.h>

#include <vector>

#include "arch/hosted/kernel_threads.h"
#include "core/testing.h"
#include "sched/sched.h"
#include "sched/timer.h"

namespace tine {
namespace {

using arch::hosted::KernelThread;
using arch::hosted::ThreadMachine;

TEST(WaitQueue, WakesAllNonExclusiveAndOneExclusiveInFifoOrder) {  // B3, B4
  ThreadMachine machine;
  WaitQueue queue;
  bool open = false;
  std::vector<int> woken;
  auto waiter = [&](int number, bool exclusive) {
    machine.start([&, number, exclusive] {
      EXPECT_TRUE(
          wait_event(queue, WaitKind::uninterruptible, [&] { return open; }, kNever, exclusive));
      woken.push_back(number);
    });
    machine.run();
  };
  waiter(1, true);
  waiter(2, false);
  waiter(3, true);
  waiter(4, false);
  open = true;
  queue.wake();
  machine.run();
  EXPECT_EQ(woken, (std::vector<int>{4, 2, 1}));
  queue.wake();
  machine.run();
  EXPECT_EQ(woken, (std::vector<int>{4, 2, 1, 3}));
  EXPECT_TRUE(queue.is_empty());
}

TEST(WaitQueue, RemovedWaiterIsNotWoken) {  // B5
  ThreadMachine machine;
  WaitQueue queue;
  static int calls;
  calls = 0;
  auto count = [](Waiter&, uint32_t) { return ++calls > 0; };
  Waiter first{.wake = count}, second{.wake = count};
  queue.add(first);
  queue.add(second);
  queue.remove(first);
  queue.remove(first);
  queue.wake_all();
  EXPECT_EQ(calls, 1);
  queue.remove(second);
}

// A waiter that comes and goes while timers wake the queue: once it is removed nobody calls it, and
// whoever stays is always called.
TEST(WaitQueue, RemovalRacesWithWakeUpsFromInterrupts) {  // B5, B6
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    ThreadMachine machine({.memory_bytes = 0, .cpus = 2, .seed = seed, .preempt_one_in = 3});
    static WaitQueue* queue;
    static int calls, late_calls, ticks;
    struct Passer : Waiter { bool present = false; };
    WaitQueue on_test;
    queue = &on_test;
    calls = late_calls = ticks = 0;
    Waiter stays{.wake = [](Waiter&, uint32_t) { return ++calls > 0; }};
    queue->add(stays);
    time::Timer timer([](time::Timer& self) {
      queue->wake_all();
      if (++ticks < 40) time::arm(self, time::monotonic_now() + 1'000'000);
    });
    time::arm(timer, time::monotonic_now() + 1'000'000);
    for (int number = 0; number < 2; ++number) {
      machine.start([] {
        while (ticks < 40) {
          Passer passer;
          passer.wake = [](Waiter& waiter, uint32_t) {
            late_calls += !static_cast<Passer&>(waiter).present;
            return true;
          };
          passer.present = true;
          queue->add(passer);
          arch::hosted::interrupt_window();
          queue->remove(passer);
          passer.present = false;
          arch::hosted::interrupt_window();
        }
      });
    }
    machine.run();
    ASSERT_TRUE(machine.all_finished()) << "seed " << seed;
    EXPECT_EQ(late_calls, 0) << "seed " << seed;
    EXPECT_EQ(calls, 40) << "seed " << seed;
    queue->remove(stays);
    EXPECT_TRUE(queue->is_empty());
  }
}

TEST(WaitQueue, EventsSelectWaiters) {
  ThreadMachine machine;
  WaitQueue queue;
  static uint32_t seen;
  seen = 0;
  auto note = [](Waiter& waiter, uint32_t) { return (seen |= waiter.events) != 0; };
  Waiter readable{.wake = note, .events = 1}, writable{.wake = note, .events = 4};
  queue.add(readable);
  queue.add(writable);
  queue.wake_all(4);
  EXPECT_EQ(seen, 4u);
  queue.remove(readable);
  queue.remove(writable);
}

TEST(WaitQueue, SignalEndsInterruptibleSleepOnly) {
  ThreadMachine machine;
  WaitQueue queue;
  bool open = false;
  Result<void> outcomes[3];
  WaitKind kinds[] = {WaitKind::uninterruptible, WaitKind::killable, WaitKind::interruptible};
  std::vector<KernelThread*> threads;
  for (int i = 0; i < 3; ++i) {
    threads.push_back(&machine.start(
        [&, i] { outcomes[i] = wait_event(queue, kinds[i], [&] { return open; }); }));
  }
  machine.run();
  for (KernelThread* thread : threads) {
    thread->task.work.fetch_or(sched::kWorkSignal);
    wake_up(thread->task, WakeMode::interruptible);
  }
  machine.run();
  EXPECT_TRUE(threads[2]->finished);
  EXPECT_EQ(outcomes[2].error(), Errno::restart_sys);
  EXPECT_FALSE(threads[1]->finished);
  threads[1]->task.work.fetch_or(sched::kWorkFatalSignal);
  wake_up(threads[1]->task, WakeMode::fatal);
  machine.run();
  EXPECT_EQ(outcomes[1].error(), Errno::restart_sys);
  EXPECT_FALSE(threads[0]->finished);
  open = true;
  queue.wake_all();
  machine.run();
  EXPECT_TRUE(outcomes[0]);
  EXPECT_TRUE(machine.all_finished());
}

TEST(WaitQueue, TimesOutAtTheDeadline) {
  ThreadMachine machine;
  WaitQueue queue;
  Result<void> outcome;
  Nanoseconds start = time::monotonic_now(), end = 0;
  machine.start([&] {
    outcome = wait_event(queue, WaitKind::interruptible, [] { return false; }, start + 5'000'000);
    end = time::monotonic_now();
  });
  machine.run();
  EXPECT_EQ(outcome.error(), Errno::timedout);
  EXPECT_EQ(end, start + 5'000'000);
}

// Two producers and two exclusive consumers over one counter: a lost wake-up leaves it undrained.
TEST(WaitQueue, LosesNoWakeUpUnderRandomInterleavings) {
  for_each_seed(10'000, [&](uint64_t seed) {
    ThreadMachine machine({.memory_bytes = 0, .cpus = 2, .seed = seed, .preempt_one_in = 20});
    WaitQueue queue;
    std::atomic<int> items{0};
    int taken = 0;
    constexpr int kItems = 40;
    auto take = [&] {
      arch::hosted::interrupt_window();
      int seen = items.load();
      while (seen > 0 && !items.compare_exchange_weak(seen, seen - 1)) {
      }
      arch::hosted::interrupt_window();  // where a wake-up comes between test and sleep
      return seen > 0;
    };
    for (int consumer = 0; consumer < 2; ++consumer) {
      machine.start([&] {
        for (int i = 0; i < kItems; ++i, ++taken) {
          EXPECT_TRUE(wait_event(queue, WaitKind::uninterruptible, take, kNever, true));
          if (items.load() > 0) queue.wake();  // it may have been woken for more than it took
        }
      });
    }
    for (int producer = 0; producer < 2; ++producer) {
      machine.start([&] {
        for (int i = 0; i < kItems; ++i) {
          items.fetch_add(1);
          queue.wake();
        }
      });
    }
    machine.run();
    ASSERT_TRUE(machine.all_finished()) << "taken " << taken;
  });
}

TEST(Completion, WaiterMayFreeItAtOnce) {
  for_each_seed(10'000, [&](uint64_t seed) {
    ThreadMachine machine({.memory_bytes = 0, .cpus = 2, .seed = seed, .preempt_one_in = 10});
    auto* completion = new Completion;
    machine.start([&] {
      completion->wait();
      delete completion;
    });
    machine.start([&] { completion->complete(); });
    machine.run();
    ASSERT_TRUE(machine.all_finished());
  });
}

TEST(Completion, KillableWaitEndsOnAFatalSignal) {
  ThreadMachine machine;
  Completion completion;
  Result<void> outcome;
  KernelThread& thread = machine.start([&] { outcome = completion.wait_as(WaitKind::killable); });
  machine.run();
  thread.task.work.fetch_or(sched::kWorkFatalSignal);
  wake_up(thread.task, WakeMode::fatal);
  machine.run();
  EXPECT_EQ(outcome.error(), Errno::restart_sys);
  EXPECT_FALSE(completion.is_done());
}

}  // namespace
}  // namespace tine
