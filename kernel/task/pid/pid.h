// SPDX-License-Identifier: MIT
//
// Pid: a process number as an object (Linux: struct pid): one number per PID namespace level, and
// what is attached to it: a thread, and the processes for which it is process group or session.
//
// The object lives as long as somebody refers to it; its numbers return to their namespaces as soon
// as nothing is attached, so a group id is never re-used while a member lives (B11), and a pidfd
// does not hold a number back. Attachments are guarded by task_tree_lock; numbers never change.
// From a number to its Pid and on to the task there is no lock: both are freed by reclaim_later(),
// so that what a LookupGuard's holder comes by stays (E60).
#pragma once

#include <iterator>

#include "core/list.h"
#include "core/ref.h"
#include "core/result.h"
#include "core/types.h"
#include "mm/heap.h"
#include "sync/reclaim.h"
#include "sync/wait_queue.h"

namespace tine {

struct Task;
struct SignalState;
class PidNamespace;  // task/pid/pid_namespace.h
extern IrqSpinLock task_tree_lock;

// What SignalState inherits: a process's place in its group, its session and among all processes.
// Guarded by task_tree_lock. In its group and among all, a child stands behind who forked it, which
// a signal to many relies on (task/signal/broadcast.h).
struct GroupMember {
  ListNode group_node;    // in Pid::group_members
  ListNode session_node;  // in Pid::session_members
  ListNode process_node;  // among all
};

// Puts a child behind who forked it; first, if that one (null) is in no list.
template <class Members>
void insert_behind(Members& members, GroupMember& child, GroupMember* forker) {
  const auto place = forker != nullptr ? std::next(members.iterator_to(*forker)) : members.begin();
  members.insert(place, child);
}

struct Pid final : RefCounted<Pid>, Reclaimable {
  static constexpr const char* kCacheName = "pid";
  static constexpr unsigned kMaxLevels = 4;
  void last_ref_dropped();

  struct Number {
    int value = 0;
    PidNamespace* space = nullptr;
    std::atomic<Pid*> next_in_bucket{nullptr};  // written under the namespace's lock
  };
  Number numbers[kMaxLevels];
  unsigned level = 0;  // the deepest namespace that numbers it

  // The thread, until it is released. Written under task_tree_lock; what is read without the lock
  // may be followed only under a LookupGuard.
  std::atomic<Task*> task{nullptr};
  List<GroupMember, &GroupMember::group_node> group_members GUARDED_BY(task_tree_lock);
  List<GroupMember, &GroupMember::session_node> session_members GUARDED_BY(task_tree_lock);
  WaitQueue exit_waiters;  // pidfd poll: the process has exited

  int number() const { return numbers[0].value; }  // in the initial namespace
  int number_in(const PidNamespace& space) const;  // 0: not visible there

  void attach_task(Task& task) REQUIRES(task_tree_lock);
  // `forker`: whose child it is, if that is a member too; otherwise null.
  void attach_to_group(SignalState& process, SignalState* forker) REQUIRES(task_tree_lock);
  void attach_to_session(SignalState& process) REQUIRES(task_tree_lock);
  void detach_task() REQUIRES(task_tree_lock);
  void detach_from_group(SignalState& process) REQUIRES(task_tree_lock);
  void detach_from_session(SignalState& process) REQUIRES(task_tree_lock);

 private:
  void release_numbers_if_unused() REQUIRES(task_tree_lock);
  void release_numbers();  // once they are: nobody finds the Pid any more
};

// The task with this number as the caller's namespace numbers it, with a reference; null if none.
// Without a lock, like find_pid(): it may be released just then.
Ref<Task> find_task(int number);
Task* find_task_locked(int number) REQUIRES(task_tree_lock);
Ref<Pid> find_pid(int number);
// The process with the lowest number that is at least `number` (/proc's listing); null at the end.
Ref<Task> next_process(int number);

}  // namespace tine
