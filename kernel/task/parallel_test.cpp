// SPDX-License-Identifier: MIT
//
// The whole core with a host thread for each CPU: storms that meet in the table of process numbers,
// the tree of tasks, shared descriptor tables, page tables that a fork shares, futexes and the
// frame and stack caches, for TSan to watch. Each storm is followed by a count of what is left
// over.
#include <gtest/gtest.h>

#include "arch/hosted/storm.h"
#include "arch/user_access.h"
#include "sched/timer.h"
#include "task/pid/pid.h"
#include "task/task.h"

namespace tine {
namespace {

using namespace arch::hosted;

constexpr long kSysMmap = 9, kSysMunmap = 11, kSysPipe = 22, kSysClose = 3, kSysDup = 32,
               kSysDup2 = 33, kSysFcntl = 72, kSysCloseRange = 436;
constexpr long kSysKill = 62, kSysPause = 34, kSysExitGroup = 231;

TEST(ParallelCore, ForkExitAndWait) {
  in_parallel([] {
    for (int i = 0; i < 6; ++i) {
      const long child = fork([] {
        for (int k = 0; k < 4; ++k) EXPECT_GT(fork([k] { exit_process(k); }), 0);
        for (int k = 0; k < 4; ++k) EXPECT_GE(wait_for(-1), 0);
        exit_process(0);
      });
      EXPECT_GT(child, 0);
    }
    for (int i = 0; i < 6; ++i) EXPECT_EQ(wait_for(-1), 0);
  });
}

// Looked up without a lock while they come and go.
TEST(ParallelCore, ProcessNumbersAreLookedUpWhileProcessesEnd) {  // E60
  in_parallel([] {
    for (int i = 0; i < 3; ++i) {
      EXPECT_GT(fork([] {
                  for (int number = 1; number < 60; ++number) {
                    const long result = system_call(kSysKill, static_cast<uint64_t>(number), 0);
                    EXPECT_TRUE(result == 0 || result == -3) << result;
                    if (Ref<Task> task = find_task(number)) EXPECT_GT(task->ref_count(), 0u);
                  }
                  exit_process(0);
                }),
                0);
    }
    for (int i = 0; i < 20; ++i) EXPECT_GT(fork([] { exit_process(0); }), 0);
    for (int i = 0; i < 23; ++i) EXPECT_EQ(wait_for(-1), 0);
  });
}

TEST(ParallelCore, ThreadsShareDescriptors) {
  in_parallel([] {
    run_threads(4, [](int number) {
      const UserAddr ends = kUserMemory + 256 + number * 8;
      for (int i = 0; i < 20; ++i) {
        ASSERT_EQ(system_call(kSysPipe, ends.value), 0);
        const long copy = system_call(kSysDup, load_value<uint32_t>(ends));
        EXPECT_GE(copy, 0);
        EXPECT_EQ(system_call(kSysClose, load_value<uint32_t>(ends)), 0);
        EXPECT_EQ(system_call(kSysClose, load_value<uint32_t>(ends + 4)), 0);
        EXPECT_EQ(system_call(kSysClose, static_cast<uint64_t>(copy)), 0);
      }
    });
  });
}

// Two threads look up without a lock what two others open, replace, close and fork away, for as long
// as those do: the table grows, and shares nodes with children who close the same files.
TEST(ParallelCore, DescriptorsAreLookedUpWhileOthersChangeThem) {
  in_parallel([] {
    static std::atomic<int> changing;
    changing = 2;
    run_threads(4, [](int number) {
      constexpr uint64_t kSlots[] = {20, 21, 22, 23, 100, 5000};
      const auto slot = [&](int i) { return kSlots[static_cast<size_t>(i) % std::size(kSlots)]; };
      for (int i = 0; number < 2 && changing != 0; ++i) {
        const long flags = system_call(kSysFcntl, slot(i), 3);  // F_GETFL
        EXPECT_TRUE(flags >= 0 || flags == -9) << flags;
      }
      if (number < 2) return;
      const UserAddr ends = kUserMemory + 256 + number * 8;
      for (int i = 0; i < 60; ++i) {
        ASSERT_EQ(system_call(kSysPipe, ends.value), 0);
        for (uint64_t end : {load_value<uint32_t>(ends), load_value<uint32_t>(ends + 4)}) {
          system_call(kSysDup2, end, slot(i + number));  // the other may have closed it already
          system_call(kSysClose, end);
        }
        if (i % 2 == 0) system_call(kSysClose, slot(i));
        if (number == 2 && i % 20 == 0) {
          const long child = fork([&] {
            for (int k = 0; k < 6; ++k) system_call(kSysClose, slot(k));
            exit_process(0);
          });
          ASSERT_GT(child, 0);
          system_call(kSysCloseRange, 0, i % 40 == 0 ? 6000 : 21);
          EXPECT_EQ(wait_for(child), 0);
        }
      }
      --changing;
    });
    system_call(kSysCloseRange, 0, ~0u);
  });
}

// They end by exit_group and by SIGKILL; and, where none are made, by SIGKILL in the midst of stops and
// continuations.
TEST(ParallelCore, ProcessesOfManyThreadsEndWhileSomeMakeMore) {  // B73
  in_parallel([] {
    constexpr int kThreads = 20;
    for (int round = 0; round < 3; ++round) {
      static std::atomic<int> ready;
      ready = 0;
      const long child = fork([round] {
        for (int i = 0; i < kThreads; ++i) {
          start_thread([i, round] {
            ++ready;
            while (i % 4 != 0 || round == 2) system_call(kSysPause);
            for (;;) start_thread([] {});
          });
        }
        while (ready < kThreads) system_call(kSysYield);
        if (round == 0) system_call(kSysExitGroup, 0);
        for (;;) system_call(kSysPause);
      });
      ASSERT_GT(child, 0);
      const auto pid = static_cast<uint64_t>(child);
      while (ready < kThreads) system_call(kSysYield);
      for (int i = 0; round == 2 && i < 10; ++i) {
        EXPECT_EQ(system_call(kSysKill, pid, signal::kSigStop), 0);
        EXPECT_EQ(system_call(kSysKill, pid, signal::kSigCont), 0);
      }
      if (round != 0) EXPECT_EQ(system_call(kSysKill, pid, signal::kSigKill), 0);
      EXPECT_EQ(wait_for(child), round == 0 ? 0 : signal::kSigKill);
    }
    // The thread that helps to tell them lets go of them soon after.
    EXPECT_TRUE(time::sleep_until(time::Clock::monotonic, time::monotonic_now() + 200'000'000));
  });
}

TEST(ParallelCore, ThreadsMapWhileOthersFork) {
  in_parallel([] {
    run_threads(3, [](int number) {
      for (int i = 0; i < 10; ++i) {
        if (number == 0) {
          const long child = fork([i] {
            store_value(kUserMemory + 8192, i);
            exit_process(0);
          });
          ASSERT_GT(child, 0);
          EXPECT_EQ(wait_for(child), 0);
          continue;
        }
        const long place = system_call(kSysMmap, 0, 65536, 3, 0x22, ~0ull);
        ASSERT_GT(place, 0);
        const UserAddr memory(static_cast<uint64_t>(place));
        for (uint64_t page = 0; page < 16; page += 5) store_value(memory + page * 4096, number);
        store_value(kUserMemory + 12288 + number * 4096, i);
        EXPECT_EQ(load_value<int>(memory + 5 * 4096), number);
        EXPECT_EQ(system_call(kSysMunmap, memory.value, 65536), 0);
      }
    });
  });
}

// The program's atomic instruction; the value before.
uint32_t compare_and_exchange(UserAddr at, uint32_t expected, uint32_t desired) {
  const Result<uint32_t> before = arch::cmpxchg_user_u32_nofault(at, expected, desired);
  EXPECT_TRUE(before.has_value());
  return *before;
}
uint32_t exchange(UserAddr at, uint32_t desired) {
  uint32_t expected = 0;
  for (uint32_t seen; (seen = compare_and_exchange(at, expected, desired)) != expected;) {
    expected = seen;
  }
  return expected;
}

// A lock of three states, as libraries make them: 0 free, 1 taken, 2 taken and waited for.
TEST(ParallelCore, FutexesLoseNoWakeUp) {
  in_parallel([] {
    static constexpr UserAddr kLock = kUserMemory + 512;
    static int inside;
    store_value(kLock, 0);
    inside = 0;
    run_threads(4, [](int) {
      for (int i = 0; i < 30; ++i) {
        if (compare_and_exchange(kLock, 0, 1) != 0) {
          while (exchange(kLock, 2) != 0) system_call(kSysFutex, kLock.value, kFutexWait, 2, 0);
        }
        ++inside;
        if (exchange(kLock, 0) == 2) system_call(kSysFutex, kLock.value, kFutexWake, 1);
      }
    });
    EXPECT_EQ(inside, 120);
  });
}

}  // namespace
}  // namespace tine
