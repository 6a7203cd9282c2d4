// SPDX-License-Identifier: MIT
//
// Attaching threads, process groups and sessions to a Pid, and finding tasks by number. The numbers
// go back to their namespaces with the last attachment, or with the object if it never had any.
#include "task/pid/pid.h"

#include "task/namespace/namespaces.h"
#include "task/pid/pid_namespace.h"
#include "task/signal/broadcast.h"
#include "task/signal_state.h"
#include "task/task.h"

namespace tine {

void Pid::last_ref_dropped() {
  release_numbers();  // of one that was never attached
  reclaim_later(*this);
}

int Pid::number_in(const PidNamespace& space) const {
  return space.level() <= level ? numbers[space.level()].value : 0;
}

void Pid::attach_task(Task& attached) { task.store(&attached, std::memory_order_release); }
void Pid::attach_to_group(SignalState& process, SignalState* forker) {
  insert_behind(group_members, process, forker);
}
void Pid::attach_to_session(SignalState& process) { session_members.push_back(process); }

void Pid::detach_task() {
  task.store(nullptr, std::memory_order_relaxed);
  release_numbers_if_unused();
}

void Pid::detach_from_group(SignalState& process) {
  signal::member_leaves(this, process);
  group_members.erase(group_members.iterator_to(process));
  release_numbers_if_unused();
}

void Pid::detach_from_session(SignalState& process) {
  session_members.erase(session_members.iterator_to(process));
  release_numbers_if_unused();
}

void Pid::release_numbers_if_unused() {
  if (task.load(std::memory_order_relaxed) == nullptr && group_members.empty() &&
      session_members.empty()) {
    release_numbers();
  }
}

void Pid::release_numbers() {
  for (Number& number : numbers) {
    if (number.space != nullptr) number.space->release(*this);
  }
}

Ref<Pid> find_pid(int number) { return current().namespaces->pid_for_children->find(number); }

// The caller has a LookupGuard; for the task to stay after it, a lock or a reference too.
static Task* look_up_task(int number) {
  const Pid* pid = current().namespaces->pid_for_children->look_up(number);
  return pid != nullptr ? pid->task.load(std::memory_order_acquire) : nullptr;
}

Task* find_task_locked(int number) {
  LookupGuard lookup;
  return look_up_task(number);
}

Ref<Task> find_task(int number) {
  LookupGuard lookup;
  Task* task = look_up_task(number);
  return task != nullptr && task->ref_get_unless_zero() ? Ref<Task>::adopt(task) : Ref<Task>();
}

Ref<Task> next_process(int number) {
  PidNamespace& space = *current().namespaces->pid_for_children;
  for (;;) {
    Ref<Pid> pid = space.find_at_or_after(number);
    if (!pid) return {};
    {
      IrqGuard tree(task_tree_lock);
      Task* task = pid->task;
      if (task != nullptr && task->is_thread_group_leader()) return Ref<Task>(*task);
    }
    number = pid->number_in(space) + 1;
  }
}

}  // namespace tine
