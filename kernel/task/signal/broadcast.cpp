// SPDX-License-Identifier: MIT
//
// Telling the members of a group, or all processes, of a signal. Nothing here allocates.
#include "task/signal/broadcast.h"

#include <algorithm>
#include <iterator>
#include <new>
#include <utility>

#include "task/namespace/namespaces.h"
#include "task/signal/internal.h"
#include "task/signal/kill.h"

namespace tine::signal {

namespace {

constexpr int kToldAtOnce = 4;

struct Lists {
  List<GroupMember, &GroupMember::process_node> processes;
  List<Broadcast, &Broadcast::node> under_way;
};
// Made by init_broadcasts(): the kernel runs no constructors before main.
alignas(Lists) std::byte lists_storage[sizeof(Lists)];
Lists& lists() REQUIRES(task_tree_lock) { return *reinterpret_cast<Lists*>(lists_storage); }

template <class Members>
GroupMember* first_of(Members& members) {
  return members.empty() ? nullptr : &members.front();
}
template <class Members>
GroupMember* next_of(Members& members, GroupMember& member) {
  const auto next = std::next(members.iterator_to(member));
  return next != members.end() ? &*next : nullptr;
}

}  // namespace

Broadcast::Broadcast(Pid* group, int number, const SigInfo* info, const Task* sender)
    : group_(group), number_(number), info_(info), sender_(sender) {}

GroupMember* Broadcast::first() const {
  return group_ != nullptr ? first_of(group_->group_members) : first_of(lists().processes);
}

GroupMember* Broadcast::after(GroupMember& member) const {
  return group_ != nullptr ? next_of(group_->group_members, member)
                           : next_of(lists().processes, member);
}

// The first success is a group's; of all, the last process counts that the sender may signal.
void Broadcast::tell(SignalState& process) {
  Task& leader = process.leader();
  Result<void> sent = Errno::perm;
  if (sender_ == nullptr || may_signal(*sender_, leader, number_)) {
    sent = send_to_process_locked(leader, number_, info_, Reach::group);
  }
  const bool is_refused = !sent && sent.error() == Errno::perm;
  if (group_ != nullptr) {
    if (!outcome_) outcome_ = sent;
  } else if (!is_refused) {
    outcome_ = sent;
  } else if (!outcome_ && outcome_.error() == Errno::srch) {
    outcome_ = {};
  }
}

bool Broadcast::is_meant(SignalState& process) const {
  if (group_ != nullptr) return true;
  if (&process == sender_->signal.get()) return false;
  return process.leader().pid->number_in(*sender_->namespaces->pid_for_children) > 1;
}

bool Broadcast::begin() {
  next_ = first();
  if (tell_some()) return true;
  lists().under_way.push_back(*this);
  is_under_way_ = true;
  return false;
}

bool Broadcast::tell_some() {
  for (int told = 0; told < kToldAtOnce && next_ != nullptr; ++told) {
    auto& process = static_cast<SignalState&>(*next_);
    next_ = after(process);
    if (is_meant(process)) tell(process);
    if (number_ == 0 && outcome_) next_ = nullptr;  // who asks has his answer
  }
  if (next_ != nullptr) return false;
  if (std::exchange(is_under_way_, false)) {
    lists().under_way.erase(lists().under_way.iterator_to(*this));
  }
  return true;
}

Result<void> Broadcast::send() {
  bool is_done;
  {
    IrqGuard tree(task_tree_lock);
    is_done = begin();
  }
  while (!is_done) {
    IrqGuard tree(task_tree_lock);
    is_done = tell_some();
  }
  return outcome_;
}

void init_broadcasts() { new (lists_storage) Lists; }

void join_all_processes(SignalState& process, SignalState* forker) {
  insert_behind(lists().processes, process, forker);
}

void leave_all_processes(SignalState& process) {
  member_leaves(nullptr, process);
  lists().processes.erase(lists().processes.iterator_to(process));
}

void member_leaves(const Pid* group, GroupMember& member) {
  for (Broadcast& broadcast : lists().under_way) {
    if (broadcast.group_ == group && broadcast.next_ == &member) {
      broadcast.next_ = broadcast.after(member);
    }
  }
}

bool is_on_its_way_to(const Pid& group) {
  return std::ranges::any_of(lists().under_way, [&group](const Broadcast& broadcast) {
    return broadcast.group_ == &group;
  });
}

bool is_any_under_way() { return !lists().under_way.empty(); }

void help_broadcasts() {
  IrqGuard tree(task_tree_lock);
  if (is_any_under_way()) (void)lists().under_way.front().tell_some();
}

}  // namespace tine::signal
