// SPDX-License-Identifier: MIT
//
// Pid: a process number as an object (Linux: struct pid): one number per PID namespace level, and
// the tasks attached to it as thread, thread-group leader, process group and session. The number
// returns to its namespace when the last attachment and the last reference are gone, so a group id
// is never re-used while a member lives (B11).
// Attachments are guarded by task_tree_lock; the number never changes.
#pragma once

#include "core/list.h"
#include "core/ref.h"
#include "core/result.h"
#include "core/types.h"
#include "sync/wait_queue.h"

namespace tine {

struct Task;
class PidNamespace;  // task/pid/pid_namespace.h

struct Pid final : RefCounted<Pid> {
  static constexpr const char* kCacheName = "pid";
  static constexpr unsigned kMaxLevels = 4;
  ~Pid();

  struct Number { int value = 0; PidNamespace* space = nullptr; };
  Number numbers[kMaxLevels];
  unsigned level = 0;

  Task* task = nullptr;            // the thread with this number, until it is released
  WaitQueue exit_waiters;          // pidfd poll: the process has exited

  int number() const { return numbers[0].value; }   // in the initial namespace
};

// The task with this number as the caller's namespace numbers it, with a reference; null if none.
Ref<Task> find_task(int number);
Ref<Pid> find_pid(int number);

}  // namespace tine
