// SPDX-License-Identifier: MIT
//
// Whole-core tests: boots the core on a fresh simulated machine and runs a C++ callable as PID 1.
//
//   run_core([] {
//     expect_nothing_leaked([] {
//       long pid = fork([] { exit_process(3); });
//       int status = wait_for(pid);
//       EXPECT_EQ(status, 3 << 8);
//     });
//   });
//
// The core has global state that is set up once, so each run_core() has a host process of its own;
// expectations that fail in it are printed there and fail the calling test. A panic, a sanitizer's
// report and a core that goes quiet before PID 1 has returned fail it too. Everything is repeated
// exactly by the same options. PID 1 has kUserMemoryBytes of private memory at kUserMemory.
#pragma once

#include <gtest/gtest.h>

#include <functional>

#include "arch/hosted/machine.h"
#include "arch/hosted/user.h"
#include "mm/heap.h"

namespace tine::arch::hosted {

inline constexpr UserAddr kUserMemory{0x10'0000};
inline constexpr uint64_t kUserMemoryBytes = 1ull << 20;

// The parts below that are inline use GoogleTest, which the core library does not link.
bool run_core_in_child(std::function<void()> init, const MachineOptions& options,
                       bool (*has_failure)());
inline void run_core(std::function<void()> init, const MachineOptions& options = {}) {
  EXPECT_TRUE(run_core_in_child(std::move(init), options, [] { return testing::Test::HasFailure(); }))
      << "in the core, see above";
}

// For user mode: all make system calls of the running task.
long fork(std::function<void()> child);
[[noreturn]] void exit_process(int status);
// wait4(pid, &status, 0, null): the status word, or -errno. Uses a word at the end of user memory.
long wait_for(long pid);

// Plain loads and stores of the program; a bad address panics the test.
void store(UserAddr to, const void* from, size_t length);
void load(void* to, UserAddr from, size_t length);
template <class T>
void store_value(UserAddr to, const T& value) { store(to, &value, sizeof value); }
template <class T>
T load_value(UserAddr from) {
  T value;
  load(&value, from, sizeof value);
  return value;
}

struct MachineCounts {
  LiveCounts memory;
  int64_t tasks;
  bool operator==(const MachineCounts&) const = default;
};
MachineCounts settled_counts();  // of the running core, dead tasks finished off

// Frames, kernel stacks, heap objects and tasks after body() equal those before. The body runs once
// beforehand, so that caches and tables that are kept for the next time are there already.
inline void expect_nothing_leaked(const std::function<void()>& body) {
  body();
  MachineCounts before = settled_counts();
  body();
  MachineCounts after = settled_counts();
  EXPECT_EQ(after.memory.objects, before.memory.objects);
  EXPECT_EQ(after.memory.heap_blocks, before.memory.heap_blocks);
  EXPECT_EQ(after.memory.frames, before.memory.frames);
  EXPECT_EQ(after.memory.kernel_stacks, before.memory.kernel_stacks);
  EXPECT_EQ(after.tasks, before.tasks);
}

}  // namespace tine::arch::hosted
