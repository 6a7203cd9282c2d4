// SPDX-License-Identifier: MIT
//
// Who is taken for asleep: a process that has waited for long, and neither one that has just begun
// to, nor one that shares its memory with somebody who runs (vfork).
#include "task/sleepers.h"

#include <gtest/gtest.h>

#include "arch/hosted/harness.h"
#include "mm/mm.h"
#include "sched/timer.h"
#include "task/task.h"

namespace tine {
namespace {

using namespace arch::hosted;

constexpr long kSysPause = 34, kSysClone = 56, kSysKill = 62;

bool is_folded(mm::Mm& mm) {
  SpinGuard guard(mm.page_table_lock);
  return mm.page_table.is_folded();
}
void sleep_for(Nanoseconds time) {
  (void)time::sleep_until(time::Clock::monotonic, time::monotonic_now() + time);
}
// A child that writes to its memory, so that it has tables of its own, and waits to be killed.
long fork_sleeper() {
  return fork([] {
    store_value(kUserMemory, 1);
    system_call(kSysPause);
  });
}

TEST(Sleepers, AreFoldedOnceTheyHaveSleptForAMoment) {
  run_core([] {
    store_value(kUserMemory, 0);
    const long child = fork_sleeper();
    sleep_for(1'000'000);
    EXPECT_EQ(fold_all_sleepers(), 0u);  // it has just begun, and its parent runs
    sleep_for(kNsPerSecond);
    EXPECT_NE(fold_all_sleepers(), 0u);
    const Ref<mm::Mm> memory = mm_of(*find_task(static_cast<int>(child)));
    EXPECT_TRUE(is_folded(*memory));
    EXPECT_FALSE(is_folded(*mm::current_mm()));
    EXPECT_EQ(fold_all_sleepers(), 0u);
    system_call(kSysKill, static_cast<uint64_t>(child), 9);
    EXPECT_EQ(wait_for(child), 9);
  });
}

TEST(Sleepers, AreLeftAloneWhileSomebodyElseRunsInTheirMemory) {
  run_core([] {
    store_value(kUserMemory, 0);
    constexpr uint64_t kVforkFlags = 0x4000 | 0x100 | 17;  // CLONE_VFORK, CLONE_VM, SIGCHLD
    const long child = system_call_with_child(
        [] {
          sleep_for(2 * kNsPerSecond);
          EXPECT_EQ(fold_all_sleepers(), 0u);
          EXPECT_FALSE(is_folded(*mm::current_mm()));
          exit_process(0);
        },
        kSysClone, kVforkFlags, 0);
    EXPECT_EQ(wait_for(child), 0);
  });
}

}  // namespace
}  // namespace tine
