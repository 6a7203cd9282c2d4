// SPDX-License-Identifier: MIT
//
// Giving out process numbers: A2, A3, B10, B11, B12, B13, B14.
#include "task/pid/pid_namespace.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <vector>

#include "arch/hosted/harness.h"
#include "arch/hosted/kernel_threads.h"
#include "task/task.h"

namespace tine {
namespace {

struct Pids : testing::Test {
  std::unique_ptr<PidNamespace> make(int pid_max) {
    return std::make_unique<PidNamespace>(0u, pid_max);
  }
};

TEST_F(Pids, StartAtOneAndGrow) {
  auto space = make(400);
  for (int expected = 1; expected <= 50; ++expected) {
    auto pid = space->allocate();
    ASSERT_TRUE(pid);
    EXPECT_EQ((*pid)->number(), expected);  // freed at once, yet not given out again
  }
}

TEST_F(Pids, NeverADuplicateAndMonotoneUntilTheWrap) {
  auto space = make(400);
  std::vector<Ref<Pid>> live;
  std::set<int> numbers;
  for (int i = 1; i < 400; ++i) {
    auto pid = space->allocate();
    ASSERT_TRUE(pid);
    EXPECT_EQ((*pid)->number(), i);
    EXPECT_TRUE(numbers.insert((*pid)->number()).second);
    live.push_back(std::move(*pid));
  }
  auto none = space->allocate();
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error(), Errno::again);  // B14: not for ever
}

TEST_F(Pids, RestartAt300) {
  auto space = make(400);
  for (int i = 1; i < 400; ++i) (void)space->allocate();
  auto pid = space->allocate();
  ASSERT_TRUE(pid);
  EXPECT_EQ((*pid)->number(), PidNamespace::kReservedPids);
}

TEST_F(Pids, SkipsWhatIsInUse) {
  auto space = make(400);
  std::vector<Ref<Pid>> live;
  for (int i = 1; i < 400; ++i) live.push_back(*space->allocate());
  live.erase(live.begin() + 349);  // number 350
  EXPECT_EQ((*space->allocate())->number(), 350);
}

TEST_F(Pids, BelowTheReservedOnesOnlyBeforeTheFirstWrap) {
  auto space = make(310);
  std::vector<Ref<Pid>> live;
  for (int i = 1; i < 310; ++i) live.push_back(*space->allocate());
  live.erase(live.begin());  // number 1 is free, and stays so
  auto none = space->allocate();
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error(), Errno::again);
}

TEST_F(Pids, FoundByNumberAndInOrder) {
  auto space = make(32768);
  std::vector<Ref<Pid>> live;
  for (int i = 0; i < 5000; ++i) live.push_back(*space->allocate());
  EXPECT_EQ(space->find(4321).get(), live[4320].get());
  EXPECT_FALSE(space->find(5001));
  EXPECT_FALSE(space->find(0));
  EXPECT_FALSE(space->find(-1));
  live.erase(live.begin() + 9, live.begin() + 19);
  EXPECT_EQ(space->find_at_or_after(10)->number(), 20);
  EXPECT_FALSE(space->find_at_or_after(5001));
}

TEST_F(Pids, BeyondTheFirstPage) {
  auto space = make(32768);
  std::vector<Ref<Pid>> live;
  for (int i = 1; i < 32768; ++i) live.push_back(*space->allocate());
  ASSERT_FALSE(space->allocate());
  ASSERT_TRUE(space->set_pid_max(70000));
  auto pid = space->allocate();
  ASSERT_TRUE(pid);
  EXPECT_EQ((*pid)->number(), 32768);
  EXPECT_EQ(space->find(32768).get(), pid->get());
  EXPECT_EQ(space->find_at_or_after(32768).get(), pid->get());
}

TEST_F(Pids, Limits) {
  auto space = make(400);
  EXPECT_FALSE(space->set_pid_max(300));
  EXPECT_FALSE(space->set_pid_max(PidNamespace::kPidMaxLimit + 1));
  EXPECT_TRUE(space->set_pid_max(301));
}

TEST_F(Pids, ClosedNamespaceGivesNothing) {
  auto space = make(400);
  space->close();
  auto none = space->allocate();
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error(), Errno::nomem);  // G6
}

// Eight CPUs take numbers and give them back, of 1,000 there are: no two have one at a time, and none
// comes back at once (fork13 of the Linux Test Project).
void allocate_on_eight_cpus(PidNamespace& space, int each, arch::hosted::MachineOptions options) {
  constexpr int kCpus = 8, kKept = 16;
  static std::atomic<int> owners[1300];
  static std::atomic<int> duplicates, repeats, given;
  duplicates = repeats = given = 0;
  options.memory_bytes = 0;
  options.cpus = kCpus;
  arch::hosted::ThreadMachine machine(options);
  for (int cpu = 0; cpu < kCpus; ++cpu) {
    machine.start([&space, each] {
      Ref<Pid> kept[kKept];
      int last = 0;
      for (int i = 0; i < each; ++i) {
        Ref<Pid>& slot = kept[i % kKept];
        if (slot) --owners[slot->number()];
        slot.reset();
        auto pid = space.allocate();
        if (!pid) continue;
        slot = std::move(*pid);
        duplicates += ++owners[slot->number()] != 1;
        repeats += slot->number() == last;
        last = slot->number();
        ++given;
      }
      for (Ref<Pid>& slot : kept) {
        if (slot) --owners[slot->number()];
      }
    });
  }
  machine.run();
  EXPECT_TRUE(machine.all_finished());
  EXPECT_EQ(duplicates.load(), 0);
  EXPECT_EQ(repeats.load(), 0);
  EXPECT_EQ(given.load(), kCpus * each);
}

TEST_F(Pids, NoDuplicateWhenEightCpusAllocate) {  // B13, C9
  allocate_on_eight_cpus(*make(1300), 100'000, {.preempt_one_in = 50});
}

TEST_F(Pids, NoDuplicateWhenEightThreadsAllocate) {  // B13, C9
  allocate_on_eight_cpus(*make(1300), 2'000, {.host_threads = true});
}

// B11: the leader of a group is gone, a member lives: the number is not given out again.
TEST_F(Pids, GroupNumberOutlivesItsLeader) {
  arch::hosted::run_core([] {
    constexpr long kSysSetpgid = 109, kSysGetpgid = 121, kSysKill = 62, kSysPause = 34;
    const long leader = arch::hosted::fork([] { arch::hosted::system_call(kSysPause); });
    const long member = arch::hosted::fork([] { arch::hosted::system_call(kSysPause); });
    const auto group = static_cast<uint64_t>(leader);
    EXPECT_EQ(arch::hosted::system_call(kSysSetpgid, group, group), 0);
    EXPECT_EQ(arch::hosted::system_call(kSysSetpgid, static_cast<uint64_t>(member), group), 0);
    EXPECT_EQ(arch::hosted::system_call(kSysKill, group, 9), 0);
    EXPECT_EQ(arch::hosted::wait_for(leader), 9);
    EXPECT_FALSE(find_task(static_cast<int>(leader)));
    EXPECT_TRUE(find_pid(static_cast<int>(leader)));
    EXPECT_EQ(arch::hosted::system_call(kSysGetpgid, static_cast<uint64_t>(member)), leader);
    EXPECT_EQ(arch::hosted::system_call(kSysKill, -group, 9), 0);
    EXPECT_EQ(arch::hosted::wait_for(member), 9);
    EXPECT_FALSE(find_pid(static_cast<int>(leader)));
  });
}

}  // namespace
}  // namespace tine
