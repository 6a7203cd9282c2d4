// SPDX-License-Identifier: MIT
//
// Exit and wait on the hosted core: statuses, options, reparenting, auto-reaping, group exit,
// stops.
#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "arch/hosted/storm.h"
#include "task/signal/signal.h"
#include "task/wait/wait.h"

namespace tine {
namespace {

using namespace arch::hosted;

constexpr long kSysPause = 34, kSysKill = 62, kSysWait4 = 61, kSysPrctl = 157, kSysGetppid = 110;
constexpr long kSysSigaction = 13, kSysSetsid = 112;

long wait_with(long pid, int options) {
  return system_call(kSysWait4, static_cast<uint64_t>(pid), (kUserMemory + 64).value,
                     static_cast<uint64_t>(options));
}
int last_status() { return load_value<int>(kUserMemory + 64); }
constexpr long error(Errno number) { return -static_cast<long>(number); }
void kill(long pid, int number) {
  EXPECT_EQ(system_call(kSysKill, static_cast<uint64_t>(pid), static_cast<uint64_t>(number)), 0);
}

TEST(Wait, StatusOfExitAndSignal) {
  run_core([] {
    EXPECT_EQ(wait_for(fork([] { exit_process(300); })), (300 & 0xff) << 8);
    const long pid = fork([] { system_call(kSysPause); });
    kill(pid, signal::kSigTerm);
    EXPECT_EQ(wait_for(pid), signal::kSigTerm);
    EXPECT_EQ(wait_with(-1, 0), error(Errno::child));
  });
}

TEST(Wait, OptionsOfWait4) {
  run_core([] {
    const long pid = fork([] { system_call(kSysPause); });
    EXPECT_EQ(wait_with(pid, kWaitNoHang), 0);
    kill(pid, signal::kSigStop);
    EXPECT_EQ(wait_with(pid, kWaitUntraced), pid);
    EXPECT_EQ(last_status(), signal::kSigStop << 8 | 0x7f);
    EXPECT_EQ(wait_with(pid, kWaitUntraced | kWaitNoHang), 0) << "reported once";
    kill(pid, signal::kSigCont);
    EXPECT_EQ(wait_with(pid, kWaitContinued), pid);
    EXPECT_EQ(last_status(), 0xffff);
    kill(pid, signal::kSigKill);
    EXPECT_EQ(wait_with(pid, 0), pid);
    EXPECT_EQ(last_status(), signal::kSigKill);
    EXPECT_EQ(wait_with(-1, 0x10), error(Errno::inval));
  });
}

TEST(Wait, StoppedProcessDiesOfSigkill) {
  run_core([] {
    expect_nothing_leaked([] {
      const long pid = fork([] { system_call(kSysPause); });
      kill(pid, signal::kSigStop);
      EXPECT_EQ(wait_with(pid, kWaitUntraced), pid);
      kill(pid, signal::kSigKill);
      EXPECT_EQ(wait_for(pid), signal::kSigKill);
    });
  });
}

TEST(Wait, OrphansGoToTheSubreaper) {
  run_core([] {
    const long reaper = fork([] {
      constexpr uint64_t kSetChildSubreaper = 36;
      system_call(kSysPrctl, kSetChildSubreaper, 1);
      const long middle = fork([] {
        fork([] {
          while (system_call(kSysGetppid) != 2) {
            constexpr long kSysGetpid = 39;
            if (system_call(kSysGetppid) + 2 == system_call(kSysGetpid)) break;
            system_call(kSysYield);
          }
          exit_process(5);
        });
        exit_process(0);
      });
      EXPECT_EQ(wait_for(middle), 0);
      EXPECT_EQ(wait_for(-1), 5 << 8);
      EXPECT_EQ(wait_with(-1, 0), error(Errno::child));
      exit_process(0);
    });
    EXPECT_EQ(wait_for(reaper), 0);
  });
}

TEST(Wait, IgnoredSigchldReapsByItself) {
  run_core([] {
    expect_nothing_leaked([] {
      signal::SigAction ignore{.handler = signal::kIgnoreHandler};
      store_value(kUserMemory, ignore);
      EXPECT_EQ(system_call(kSysSigaction, signal::kSigChld, kUserMemory.value, 0, 8), 0);
      const long pid = fork([] { exit_process(1); });
      EXPECT_EQ(wait_with(pid, 0), error(Errno::child));  // waits for its end, finds nothing
      store_value(kUserMemory, signal::SigAction{});
      EXPECT_EQ(system_call(kSysSigaction, signal::kSigChld, kUserMemory.value, 0, 8), 0);
    });
  });
}

TEST(Wait, ParentDeathSignal) {
  run_core([] {
    const long middle = fork([] {
      constexpr uint64_t kSetPdeathsig = 1;
      fork([] {
        system_call(kSysPrctl, kSetPdeathsig, signal::kSigKill);
        for (;;) system_call(kSysPause);
      });
      for (int i = 0; i < 20; ++i) system_call(kSysYield);
      exit_process(0);
    });
    EXPECT_EQ(wait_for(middle), 0);
    EXPECT_EQ(wait_for(-1), signal::kSigKill);
  });
}

TEST(Wait, KillStormAgainstForkStorm) {  // G5, G6
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    run_core(
        [] {
          expect_nothing_leaked([] {
            static std::atomic<bool> has_group;
            has_group = false;
            const long leader = fork([] {
              system_call(kSysSetsid);
              has_group = true;
              for (;;) fork([] { system_call(kSysPause); });
            });
            while (!has_group) system_call(kSysYield);
            for (int i = 0; i < 30; ++i) system_call(kSysYield);
            kill(-leader, signal::kSigKill);
            while (wait_for(-1) >= 0) {
            }
          });
        },
        {.seed = seed, .preempt_one_in = 30});
  }
}

// More children than are looked at, or given away, in one go.
constexpr int kManyChildren = 80;

TEST(Wait, AmongManyChildrenEachIsFoundOnce) {  // G8
  in_many_orders(30, [] {
    for (int i = 0; i < kManyChildren; ++i) {
      ASSERT_GT(fork([i] {
                  for (int k = 0; k < i * 7 % 5; ++k) system_call(kSysYield);
                  exit_process(i);
                }),
                0);
    }
    std::vector<int> seen(kManyChildren);
    for (int i = 0; i < kManyChildren; ++i) {
      const int status = wait_for(-1);
      ASSERT_GE(status, 0);
      ++seen[static_cast<size_t>(status >> 8)];
    }
    EXPECT_EQ(seen, std::vector<int>(kManyChildren, 1));
    EXPECT_EQ(wait_with(-1, 0), error(Errno::child));
  });
}

// While their parent gives them away, children end, and have it told by whoever is theirs by then.
TEST(Wait, ManyChildrenOfADyingParentAreAllInherited) {
  in_many_orders(30, [] {
    const long middle = fork([] {
      for (int i = 0; i < kManyChildren; ++i) {
        ASSERT_GT(fork([i] {
                    for (int k = 0; k < 3 * i; ++k) system_call(kSysYield);
                    exit_process(1);
                  }),
                  0);
      }
      exit_process(0);
    });
    int ended = 0;
    for (int i = 0; i < kManyChildren + 1; ++i) ended += wait_for(-1) >= 0;
    EXPECT_EQ(ended, kManyChildren + 1);
    EXPECT_EQ(wait_with(middle, 0), error(Errno::child));
  });
}

}  // namespace
}  // namespace tine
