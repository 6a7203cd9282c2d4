// SPDX-License-Identifier: MIT
//
// A signal to many processes is told to a few at a time, and yet to those, and only those, who were
// there when it began, with the children of who had not been told (G5, kill(2)).
#include "task/signal/broadcast.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <set>
#include <vector>

#include "arch/hosted/storm.h"
#include "task/signal_state.h"

namespace tine::signal {
namespace {

using namespace arch::hosted;

constexpr long kSysProcmask = 14, kSysNanosleep = 35, kSysWait4 = 61, kSysKill = 62,
               kSysSetpgid = 109, kSysExitGroup = 231;
constexpr int kMembers = 20, kAtOnce = 4, kNoHang = 1;

long call(long number, long a = 0, long b = 0, long c = 0, long d = 0) {
  return system_call(number, static_cast<uint64_t>(a), static_cast<uint64_t>(b),
                     static_cast<uint64_t>(c), static_cast<uint64_t>(d));
}
// A system call, in which signals are taken. Time passes on this machine only while all sleep.
void nap() {
  const UserAddr duration = kUserMemory + 16;
  store_value<int64_t>(duration, 0);
  store_value<int64_t>(duration + 8, 1'000'000);
  EXPECT_EQ(call(kSysNanosleep, static_cast<long>(duration.value)), 0);
}
long wait_for_any(int options) {
  return call(kSysWait4, -1, static_cast<long>((kUserMemory + 64).value), options);
}

// What the members do when they are told to: each looks at its own.
enum class Order : uint8_t { rest, have_child, end, leave_group };

// Processes of one group that block SIGUSR1, so that who has been told has it pending.
class Group {
 public:
  Group() {
    store_value<uint64_t>(kUserMemory, bit(kSigUsr1));
    EXPECT_EQ(call(kSysProcmask, 0, static_cast<long>(kUserMemory.value), 0, 8), 0);
    for (std::atomic<Order>& order : orders_) order = Order::rest;
    for (int i = 0; i < kMembers; ++i) {
      const long pid = fork([this, i] { obey(orders_[static_cast<size_t>(i)]); });
      if (i == 0) leader_ = pid;
      EXPECT_EQ(call(kSysSetpgid, pid, leader_), 0);
      numbers_[static_cast<size_t>(i)] = pid;
    }
    pid_ = find_pid(static_cast<int>(leader_));
  }
  ~Group() {
    call(kSysKill, -1, kSigKill);
    while (wait_for_any(0) > 0) continue;
  }

  Pid& pid() { return *pid_; }
  long leader() const { return leader_; }
  // In the order in which they are told.
  std::vector<long> members() const {
    std::vector<long> found;
    IrqGuard tree(task_tree_lock);
    for (GroupMember& member : pid_->group_members) {
      found.push_back(static_cast<SignalState&>(member).leader().tid());
    }
    return found;
  }
  std::set<long> told() const {
    std::set<long> found;
    IrqGuard tree(task_tree_lock);
    for (GroupMember& member : pid_->group_members) {
      auto& process = static_cast<SignalState&>(member);
      if (process.shared_pending.set & bit(kSigUsr1)) found.insert(process.leader().tid());
    }
    return found;
  }
  // Returns when the member has done it: its child's number, or 0.
  long order(long member, Order what) {
    const auto index = static_cast<size_t>(std::ranges::find(numbers_, member) - numbers_.begin());
    orders_[index] = what;
    while (orders_[index] != Order::rest) nap();
    return children_;
  }

 private:
  void obey(std::atomic<Order>& order) {
    for (;;) {
      switch (order) {
        case Order::rest:
          nap();
          continue;
        case Order::have_child:
          children_ = fork([] {
            for (;;) nap();
          });
          break;
        case Order::leave_group:
          EXPECT_EQ(call(kSysSetpgid, 0, 0), 0);
          break;
        case Order::end:
          order = Order::rest;
          call(kSysExitGroup);
      }
      order = Order::rest;
    }
  }

  std::array<std::atomic<Order>, kMembers> orders_;
  std::array<long, kMembers> numbers_ = {};
  std::atomic<long> children_ = 0;
  long leader_ = 0;
  Ref<Pid> pid_;
};

void begin(Broadcast& broadcast) {
  IrqGuard tree(task_tree_lock);
  EXPECT_FALSE(broadcast.begin());
}
void finish(Broadcast& broadcast) {
  for (bool is_done = false; !is_done;) {
    IrqGuard tree(task_tree_lock);
    is_done = broadcast.tell_some();
  }
}

using Body = std::function<void(Group&, Broadcast&)>;

// A broadcast to the group, or to all processes, of which the first of the group have been told. Among
// all, too, those of the group stand one after another.
void in_the_midst_of(bool all, const Body& body) {
  run_core([&] {
    expect_nothing_leaked([&] {
      Group group;
      const SigInfo info{.number = kSigUsr1};
      Broadcast broadcast(all ? nullptr : &group.pid(), kSigUsr1, &info, &current());
      begin(broadcast);
      while (group.told().empty()) help_broadcasts();
      body(group, broadcast);
    });
  });
}
void in_the_midst(const Body& body) { in_the_midst_of(false, body); }
void in_the_midst_of_all(const Body& body) { in_the_midst_of(true, body); }

TEST(Broadcast, FewAreToldAtOnce) {
  in_the_midst([](Group& group, Broadcast& broadcast) {
    EXPECT_EQ(group.told().size(), kAtOnce);
    for (size_t told = 2 * kAtOnce; told <= kMembers; told += kAtOnce) {
      {
        IrqGuard tree(task_tree_lock);
        EXPECT_EQ(broadcast.tell_some(), told == kMembers);
      }
      EXPECT_EQ(group.told().size(), told);
    }
  });
}

TEST(Broadcast, ChildrenAreToldIfTheirParentsHaveYetToBe) {  // G5
  in_the_midst([](Group& group, Broadcast& broadcast) {
    const std::vector<long> members = group.members();
    const long of_told = group.order(members.front(), Order::have_child);
    const long of_untold = group.order(members.back(), Order::have_child);
    EXPECT_EQ(group.told().size(), 3 * kAtOnce);  // each fork has brought it on
    finish(broadcast);
    std::set<long> expected(members.begin(), members.end());
    expected.insert(of_untold);
    EXPECT_EQ(group.told(), expected);
    EXPECT_GT(of_told, 0);
  });
}

TEST(Broadcast, ChildrenAmongAllAreToldIfTheirParentsHaveYetToBe) {  // G5
  in_the_midst_of_all([](Group& group, Broadcast& broadcast) {
    const std::vector<long> members = group.members();
    (void)group.order(*group.told().begin(), Order::have_child);
    const long of_untold = group.order(members.back(), Order::have_child);
    finish(broadcast);
    std::set<long> expected(members.begin(), members.end());
    expected.insert(of_untold);
    EXPECT_EQ(group.told(), expected);
  });
}

// The next ones to be told, and the last.
void expect_leavers_are_passed_over(Group& group, Broadcast& broadcast) {
  const std::vector<long> members = group.members();
  const size_t next = group.told().size();
  for (const long leaver : {members[next], members[next + 1], members.back()}) {
    (void)group.order(leaver, Order::end);
    EXPECT_EQ(wait_for_any(0), leaver);
  }
  finish(broadcast);
  EXPECT_EQ(group.told().size(), kMembers - 3);
}

TEST(Broadcast, WhoLeavesIsPassedOver) {
  in_the_midst(expect_leavers_are_passed_over);
  in_the_midst_of_all(expect_leavers_are_passed_over);
}

TEST(Broadcast, NobodyLeavesTheGroupUntold) {
  in_the_midst([](Group& group, Broadcast& broadcast) {
    const long leaver = group.members()[kMembers - 2];
    (void)group.order(leaver, Order::leave_group);
    EXPECT_EQ(group.told().size(), kMembers - 1);
    EXPECT_FALSE(group.told().contains(leaver));
    EXPECT_NE(find_task(static_cast<int>(leaver))->signal->shared_pending.set & bit(kSigUsr1), 0u);
    finish(broadcast);
  });
}

TEST(Broadcast, WhoJoinsComesTooLate) {
  in_the_midst([](Group& group, Broadcast& broadcast) {
    const long late = fork([] {
      for (;;) nap();
    });
    EXPECT_EQ(call(kSysSetpgid, late, group.leader()), 0);
    finish(broadcast);
    EXPECT_FALSE(group.told().contains(late));
    EXPECT_EQ(group.told().size(), kMembers);
  });
}

// --- Storms.

std::atomic<int> room_to_fork;

[[noreturn]] void multiply() {
  for (;;) {
    if (room_to_fork.fetch_sub(1) > 0) (void)fork(multiply);
    system_call(kSysYield);
  }
}

// After SIGKILL nobody is left who could fork: who has escaped would live for ever.
void expect_all_ended() {
  for (int patience = 0; patience < 1000; ++patience) {
    const long ended = wait_for_any(kNoHang);
    if (ended == -static_cast<long>(Errno::child)) return;
    if (ended == 0) nap();
  }
  ADD_FAILURE() << "somebody has escaped";
}

void kill_who_multiplies(bool in_group) {
  room_to_fork = 60;
  const long first = fork([in_group] {
    if (in_group) EXPECT_EQ(call(kSysSetpgid, 0, 0), 0);
    multiply();
  });
  while (room_to_fork > 40) system_call(kSysYield);
  EXPECT_EQ(call(kSysKill, in_group ? -first : -1, kSigKill), 0);
  expect_all_ended();
}

TEST(Broadcast, NobodyInAGroupEscapesSigKillByForking) {  // G5
  in_many_orders(40, [] { kill_who_multiplies(true); });
}

TEST(Broadcast, NobodyAtAllEscapesSigKillByForking) {  // G5
  in_many_orders(40, [] { kill_who_multiplies(false); });
}

TEST(ParallelCore, NobodyEscapesSigKillByForking) {  // G5
  in_parallel([] { kill_who_multiplies(true); });
  in_parallel([] { kill_who_multiplies(false); });
}

}  // namespace
}  // namespace tine::signal
