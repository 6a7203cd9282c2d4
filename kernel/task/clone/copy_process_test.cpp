// SPDX-License-Identifier: MIT
//
// The failure sweep over copy_process (contract: every F of A, B, C, D, E): for each shape of
// request, the 1st, 2nd, 3rd... acquiring step fails until the call succeeds; after each failure
// the errno is one that clone(2) gives, and every count equals the count before.
#include <gtest/gtest.h>

#include "arch/hosted/harness.h"
#include "syscall/abi.h"
#include "task/clone/clone_request.h"
#include "task/signal/signal.h"

namespace tine {
namespace {

using namespace arch::hosted;

constexpr long kSysClone = 56, kSysFork = 57, kSysVfork = 58, kSysExit = 60, kSysClose = 3;
constexpr long kSysClone3 = 435, kSysWait4 = 61;
constexpr uint64_t kMaxSteps = 200;

struct Shape {
  const char* name;
  std::function<long(std::function<void()> child)> start;  // as the raw call returns
  bool is_thread = false;
};

void expect_same(const MachineCounts& before, const MachineCounts& after, uint64_t step) {
  EXPECT_EQ(after.memory.objects, before.memory.objects) << "objects, step " << step;
  EXPECT_EQ(after.memory.heap_blocks, before.memory.heap_blocks) << "heap, step " << step;
  EXPECT_EQ(after.memory.frames, before.memory.frames) << "frames, step " << step;
  EXPECT_EQ(after.memory.kernel_stacks, before.memory.kernel_stacks) << "stacks, step " << step;
  EXPECT_EQ(after.tasks, before.tasks) << "tasks, step " << step;
}

void finish_child(const Shape& shape, long pid) {
  if (!shape.is_thread) EXPECT_EQ(wait_for(pid), 0);
}

void sweep(const Shape& shape) {
  auto child = [is_thread = shape.is_thread] {
    if (is_thread) system_call(kSysExit, 0);
    exit_process(0);
  };
  finish_child(shape, shape.start(child));  // what is kept for the next time exists from here on
  settled_counts();
  uint64_t failures = 0;
  for (uint64_t step = 1; step < kMaxSteps; ++step) {
    const MachineCounts before = settled_counts();
    arm_fault_injection(step);
    const long result = shape.start(child);
    arm_fault_injection(0);
    if (result >= 0) {
      finish_child(shape, result);
      expect_same(before, settled_counts(), step);
      EXPECT_GT(failures, 5u) << shape.name << ": the sweep reaches the steps";
      return;
    }
    ++failures;
    EXPECT_TRUE(result == -static_cast<long>(Errno::nomem) ||
                result == -static_cast<long>(Errno::again) ||
                result == -static_cast<long>(Errno::mfile))
        << shape.name << " step " << step << ": " << result;
    expect_same(before, settled_counts(), step);
  }
  ADD_FAILURE() << shape.name << " never succeeded";
}

TEST(CopyProcess, FailureSweepFork) {  // E48, E49
  run_core([] {
    sweep({"fork",
           [](std::function<void()> child) { return system_call_with_child(child, kSysFork); }});
  });
}

TEST(CopyProcess, FailureSweepVfork) {  // E48, E49
  run_core([] {
    sweep({"vfork",
           [](std::function<void()> child) { return system_call_with_child(child, kSysVfork); }});
  });
}

TEST(CopyProcess, FailureSweepThread) {  // E48, E49
  run_core([] {
    constexpr uint64_t kFlags =
        kCloneVm | kCloneFs | kCloneFiles | kCloneSighand | kCloneThread | kCloneSysvsem;
    sweep({"thread",
           [](std::function<void()> child) {
             return system_call_with_child(child, kSysClone, kFlags, (kUserMemory + 4096).value);
           },
           true});
  });
}

TEST(CopyProcess, FailureSweepClone3WithPidfd) {  // E48, E49
  run_core([] {
    static constexpr UserAddr kArguments = kUserMemory, kPidfd = kUserMemory + 256;
    store_value(kArguments,
                abi::CloneArgs{
                    .flags = kClonePidfd, .pidfd = kPidfd.value, .exit_signal = signal::kSigChld});
    sweep({"clone3", [](std::function<void()> child) {
             const long pid = system_call_with_child(child, kSysClone3, kArguments.value,
                                                     sizeof(abi::CloneArgs));
             if (pid > 0) EXPECT_EQ(system_call(kSysClose, load_value<int>(kPidfd)), 0);
             return pid;
           }});
  });
}

// A failing clone leaves the descriptor table unchanged.
TEST(CopyProcess, FailedCloneTakesNoDescriptor) {  // E45
  run_core([] {
    constexpr uint64_t kBadAddress = 8;
    constexpr long kSysPidfdOpen = 434;
    auto lowest_free = [] {
      const long fd = system_call(kSysPidfdOpen, 1, 0);
      EXPECT_EQ(system_call(kSysClose, static_cast<uint64_t>(fd)), 0);
      return fd;
    };
    const long before = lowest_free();
    const long pid =
        system_call_with_child([] { exit_process(0); }, kSysClone,
                               uint64_t{kClonePidfd} | signal::kSigChld, 0, kBadAddress);
    EXPECT_EQ(pid, -static_cast<long>(Errno::fault));
    EXPECT_EQ(system_call(kSysWait4, ~0ull, 0, 0, 0), -static_cast<long>(Errno::child));
    EXPECT_EQ(lowest_free(), before);
  });
}

}  // namespace
}  // namespace tine
