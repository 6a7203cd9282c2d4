// SPDX-License-Identifier: MIT
//
// Reparenting: the rules of who becomes the parent of orphans, and what the change means for them:
// a death signal they asked for, SIGCHLD as exit signal, an orphaned process group.
#include "task/exit/reparent.h"

#include "task/boot_tasks.h"
#include "task/exit/notify_parent.h"
#include "task/pid/process_group.h"
#include "task/signal_state.h"

namespace tine {

namespace {

constexpr int kMovedAtOnce = 8;

Task* living_thread(SignalState& process) REQUIRES(task_tree_lock) {
  for (Task& thread : process.threads) {
    if (!(thread.flags & kPfExiting)) return &thread;
  }
  return nullptr;
}

Task& find_new_parent(Task& father) REQUIRES(task_tree_lock) {
  if (Task* thread = living_thread(*father.signal)) return *thread;
  for (Task* above = father.real_parent; above->tid() > 1; above = above->real_parent) {
    if (!above->signal->is_child_subreaper) continue;
    if (Task* thread = living_thread(*above->signal)) return *thread;
  }
  return init_process().leader();
}

// `child` is a process whose parent has gone to another process.
void settle_orphan(Task& child, Task& father, ReleasedTasks& released) REQUIRES(task_tree_lock) {
  if (child.exit_state == Task::ExitState::dead) return;
  child.exit_signal = signal::kSigChld;  // no other signal means anything to the new parent
  hang_up_orphaned_group_locked(child, &father);
  if (child.exit_state != Task::ExitState::zombie || child.signal->thread_count != 1) return;
  if (notify_parent_of_exit(child, signal::kSigChld)) {
    child.exit_state = Task::ExitState::dead;
    released.unlink(child);
  }
}

}  // namespace

bool reparent_some_children(Task& father, ReleasedTasks& released) {
  if (father.children.empty()) return true;
  Task& parent = find_new_parent(father);
  const bool leaves_process = parent.signal.get() != father.signal.get();
  ++parent.signal->children_adopted;
  for (int moved = 0; moved < kMovedAtOnce && !father.children.empty(); ++moved) {
    Task& child = father.children.front();
    father.children.pop_front();
    parent.children.push_back(child);
    for (Task& thread : child.signal->threads) {
      thread.real_parent = thread.parent = &parent;
      if (thread.parent_death_signal != 0) {
        (void)signal::send_to_process_locked(thread, thread.parent_death_signal, nullptr);
      }
    }
    if (leaves_process) settle_orphan(child, father, released);
  }
  return father.children.empty();
}

}  // namespace tine
