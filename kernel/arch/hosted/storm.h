// SPDX-License-Identifier: MIT
//
// Storms: whole-core tests (harness.h) with a host thread for each CPU, in which threads of one
// program run into each other, under ASan for what is used after its end and under TSan for what
// lacks order. Each storm is followed by a count of what is left over.
//
//   in_parallel([] {
//     run_threads(4, [](int number) { ... });
//   });
//
// Threads share memory, descriptors and directories. A word at kStormWord is the storm's own.
#pragma once

#include <atomic>
#include <functional>
#include <vector>

#include "arch/hosted/harness.h"

namespace tine::arch::hosted {

inline constexpr UserAddr kStormWord = kUserMemory + 128;
inline constexpr long kSysClone = 56, kSysExit = 60, kSysFutex = 202, kSysYield = 24,
                      kSysTkill = 200;
inline constexpr uint64_t kFutexWait = 0, kFutexWake = 1;

inline void in_parallel(const std::function<void()>& body) {
  constexpr uint64_t kSeeds = 2;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    run_core([&body] { expect_nothing_leaked(body); },
             {.cpus = 4, .seed = seed, .preempt_one_in = 100, .host_threads = true});
  }
}

// The same on one to three simulated CPUs, by seeds of interleavings.
inline void in_many_orders(unsigned preempt_one_in, const std::function<void()>& body) {
  constexpr uint64_t kSeeds = 6;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const unsigned cpus = 1 + static_cast<unsigned>(seed % 3);
    run_core([&body] { expect_nothing_leaked(body); },
             {.cpus = cpus, .seed = seed, .preempt_one_in = preempt_one_in});
  }
}

// Starts a thread of the caller's process; its number, or the error.
inline long start_thread(const std::function<void()>& body) {
  constexpr uint64_t kThreadFlags =
      0x100 | 0x200 | 0x400 | 0x800 | 0x10000;  // VM FS FILES SIGHAND THREAD
  return system_call_with_child(
      [body] {
        body();
        system_call(kSysExit, 0);
      },
      kSysClone, kThreadFlags, (kUserMemory + 4096).value);
}

// Starts `count` threads of the caller's process and waits for them, by a futex in user memory.
inline void run_threads(int count, const std::function<void(int)>& body) {
  static std::atomic<int> left;
  left = count;
  store_value(kStormWord, 1);
  std::vector<uint64_t> threads;
  for (int number = 0; number < count; ++number) {
    const long tid = start_thread([body, number] {
      body(number);
      if (left.fetch_sub(1) == 1) {
        store_value(kStormWord, 0);
        system_call(kSysFutex, kStormWord.value, kFutexWake, 1);
      }
    });
    ASSERT_GT(tid, 0);
    threads.push_back(static_cast<uint64_t>(tid));
  }
  while (load_value<int>(kStormWord) != 0) {
    system_call(kSysFutex, kStormWord.value, kFutexWait, 1);
  }
  // They have left the tree, and not only said so.
  for (uint64_t thread : threads) {
    while (system_call(kSysTkill, thread, 0) == 0) system_call(kSysYield);
  }
}

}  // namespace tine::arch::hosted
