// SPDX-License-Identifier: MIT
//
// Attaching threads, process groups and sessions to a Pid, and finding tasks by number. The numbers
// go back to their namespaces with the last attachment, or with the object if it never had any.
#include "task/pid/pid.h"

#include "task/namespace/namespaces.h"
#include "task/pid/pid_namespace.h"
#include "task/signal_state.h"
#include "task/task.h"

namespace tine {

Pid::~Pid() {
  for (Number& number : numbers) {
    if (number.space != nullptr) number.space->release(*this);
  }
}

int Pid::number_in(const PidNamespace& space) const {
  return space.level() <= level ? numbers[space.level()].value : 0;
}

void Pid::attach_task(Task& attached) { task = &attached; }
void Pid::attach_to_group(SignalState& process) { group_members.push_back(process); }
void Pid::attach_to_session(SignalState& process) { session_members.push_back(process); }

void Pid::detach_task() {
  task = nullptr;
  release_numbers_if_unused();
}

void Pid::detach_from_group(SignalState& process) {
  group_members.erase(group_members.iterator_to(process));
  release_numbers_if_unused();
}

void Pid::detach_from_session(SignalState& process) {
  session_members.erase(session_members.iterator_to(process));
  release_numbers_if_unused();
}

void Pid::release_numbers_if_unused() {
  if (task != nullptr || !group_members.empty() || !session_members.empty()) return;
  for (Number& number : numbers) {
    if (number.space != nullptr) number.space->release(*this);
  }
}

Ref<Pid> find_pid(int number) { return current().namespaces->pid_for_children->find(number); }

Task* find_task_locked(int number) {
  Ref<Pid> pid = find_pid(number);
  return pid ? pid->task : nullptr;
}

Ref<Task> find_task(int number) {
  IrqGuard tree(task_tree_lock);
  Task* task = find_task_locked(number);
  return task != nullptr ? Ref<Task>(*task) : Ref<Task>();
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
