// SPDX-License-Identifier: MIT
//
// Broadcast: a signal on its way to many processes: those of a group, or all (kill(2)). Each takes
// some 1,000 instructions, and there may be thousands; so they are told a few at a time, and
// task_tree_lock is let go of in between. To everybody it is as if all had been told at once, when
// the broadcast began:
//
// - Who leaves while it is under way is passed over by its cursor (member_leaves).
// - A child stands in both lists right behind who forked it. So it is told if and only if its parent
//   has yet to be; what the parent is told during the fork, ForkUnderWay brings to the child (G5).
// - Who joins a group comes to stand before all who have yet to be told. Nobody leaves one for
//   another while a signal is on its way there (process_group.cpp).
// - Who forks while one is under way tells some, more than he makes: nobody outruns it by forking.
#pragma once

#include "core/list.h"
#include "core/result.h"
#include "task/pid/pid.h"
#include "task/signal/signal.h"

namespace tine::signal {

class Broadcast {
 public:
  // `group` null: to all processes of the sender's PID namespace but its init and the sender's own.
  // `sender` null: from the kernel, to a group, which needs no permission. The caller keeps all
  // alive.
  Broadcast(Pid* group, int number, const SigInfo* info, const Task* sender);
  Broadcast(const Broadcast&) = delete;
  Broadcast& operator=(const Broadcast&) = delete;

  // On return all have been told. Any context that may take task_tree_lock. ESRCH: nobody is there;
  // EPERM: no member of the group may be signalled; EAGAIN as send_*().
  Result<void> send() EXCLUDES(task_tree_lock);

  // The parts of send(). Both return whether all have been told.
  bool begin() REQUIRES(task_tree_lock);
  bool tell_some() REQUIRES(task_tree_lock);

  ListNode node;  // among those under way: begun, and not all have been told

 private:
  bool is_meant(SignalState& process) const REQUIRES(task_tree_lock);
  void tell(SignalState& process) REQUIRES(task_tree_lock);
  GroupMember* first() const REQUIRES(task_tree_lock);
  GroupMember* after(GroupMember& member) const REQUIRES(task_tree_lock);
  friend void member_leaves(const Pid* group, GroupMember& member) REQUIRES(task_tree_lock);
  friend bool is_on_its_way_to(const Pid& group) REQUIRES(task_tree_lock);

  Pid* const group_;
  const int number_;
  const SigInfo* const info_;
  const Task* const sender_;
  GroupMember* next_ = nullptr;  // who is told next, in the group's list or that of all
  bool is_under_way_ = false;
  Result<void> outcome_ = Errno::srch;  // of those that have been told
};

// Before the first fork.
void init_broadcasts();

// The list of all processes. `forker` null: the child of a task that is in no list.
void join_all_processes(SignalState& process, SignalState* forker) REQUIRES(task_tree_lock);
void leave_all_processes(SignalState& process) REQUIRES(task_tree_lock);
// `member` is about to leave `group`, or, if that is null, the list of all processes.
void member_leaves(const Pid* group, GroupMember& member) REQUIRES(task_tree_lock);

bool is_on_its_way_to(const Pid& group) REQUIRES(task_tree_lock);
bool is_any_under_way() REQUIRES(task_tree_lock);
// Brings the first broadcast that is under way some way on, if there is one.
void help_broadcasts() EXCLUDES(task_tree_lock);

}  // namespace tine::signal
