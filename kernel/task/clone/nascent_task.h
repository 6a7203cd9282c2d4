// SPDX-License-Identifier: MIT
//
// NascentTask: a task that is being built and that nobody else can find. Until it is published it
// belongs to copy_process() alone: no lock guards it, and dropping it gives back all it acquired,
// in reverse order (E48). It is neither run nor woken (E64).
#pragma once

#include "task/clone/clone_request.h"
#include "task/task.h"

namespace tine {

class NascentTask {
 public:
  // dup_task_struct: a new Task with its own kernel stack, and everything of the caller that is
  // inherited as a plain value. ENOMEM.
  static Result<NascentTask> duplicate(const Task& caller, const CloneRequest& request);

  NascentTask(NascentTask&& other) noexcept = default;
  ~NascentTask();

  Result<void> join_scheduler(Task& caller);  // sched_fork; undone by the destructor
  // The child is complete. The reference is the tree's from now on.
  [[nodiscard]] Ref<Task> release() { return std::move(task_); }

  Task& operator*() const { return *task_; }
  Task* operator->() const { return task_.get(); }

 private:
  explicit NascentTask(Ref<Task> task) : task_(std::move(task)) {}
  Ref<Task> task_;
};

}  // namespace tine
