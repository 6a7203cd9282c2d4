// SPDX-License-Identifier: MIT
//
// Taking dead tasks out of the tree. Unlinking happens under task_tree_lock; dropping the tree's
// reference happens after it, because a task's parts may need other locks to die.
#pragma once

#include "core/list.h"
#include "task/task.h"

namespace tine {

// Tasks that were unlinked; their tree references are dropped with it, outside of task_tree_lock.
class ReleasedTasks {
 public:
  ReleasedTasks() = default;
  ReleasedTasks(const ReleasedTasks&) = delete;
  ReleasedTasks& operator=(const ReleasedTasks&) = delete;
  ~ReleasedTasks();

  // The task, already moved to ExitState::dead by the caller, leaves the tree: number, group,
  // session, thread list. If it was the last thread beside a zombie leader, the leader's parent is
  // told now, and the leader follows when nobody will wait for it.
  void unlink(Task& task) REQUIRES(task_tree_lock);

 private:
  void unlink_one(Task& task) REQUIRES(task_tree_lock);
  List<Task, &Task::sibling_node> tasks_;
};

}  // namespace tine
