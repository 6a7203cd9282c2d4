// SPDX-License-Identifier: MIT
//
// dup_task_struct (E-4) and the values that a child inherits or gets fresh. A member that is not
// named here starts as Task's declaration says: zero, empty, none. That is what most of the
// contract asks for (times, counters, pending signals, timers, robust list, death signal, vfork).
#include "task/clone/nascent_task.h"

#include <algorithm>

#include "sched/timer.h"
#include "task/rseq.h"

namespace tine {

namespace {

// copy_flags (B46): privileges used, exits and limits exceeded are the caller's own story.
uint32_t inherited_flags(const Task& caller, const CloneRequest& request) {
  constexpr uint32_t kOwn = kPfSuperPrivileges | kPfExiting | kPfDumpCore | kPfSignaled |
                            kPfNprocExceeded | kPfNoFreeze | kPfKernelThread;
  uint32_t flags = (caller.flags & ~kOwn) | kPfForkNoExec;
  if (request.is_kernel_thread) flags |= kPfKernelThread | kPfNoFreeze;
  return flags;
}

void inherit_values(Task& child, const Task& caller, const CloneRequest& request) {
  std::ranges::copy(name_of(caller).text, child.name);
  child.flags = inherited_flags(caller, request);
  child.personality = caller.personality;
  child.timer_slack_ns = child.default_timer_slack_ns = caller.timer_slack_ns;
  child.blocked = caller.blocked;
  child.self_exec_id = caller.self_exec_id;
  // Two tasks cannot use one alternate stack at a time; a vfork parent sleeps meanwhile (G4).
  if (!request.has(kCloneVm) || request.has(kCloneVfork)) {
    child.alternate_stack = caller.alternate_stack;
  }
  if (request.has(kCloneChildSettid)) {
    child.set_child_tid = request.child_tid;
    child.work.store(sched::kWorkNotifyResume, std::memory_order_relaxed);
  }
  if (!request.has(kCloneVm)) inherit_rseq(child, caller);
  if (request.has(kCloneChildCleartid)) child.clear_child_tid = request.child_tid;
  child.start_time = time::monotonic_now();
}

}  // namespace

Result<NascentTask> NascentTask::duplicate(const Task& caller, const CloneRequest& request) {
  NascentTask child(TRY(make_ref<Task>()));
  child->kernel_stack = TRY(mm::alloc_kernel_stack());
  inherit_values(*child, caller, request);
  return child;
}

NascentTask::~NascentTask() {
  if (task_ && task_->sched_class != nullptr) sched::sched_cancel_fork(*task_);
}

Result<void> NascentTask::join_scheduler(Task& caller) {
  if (fail_here()) return Errno::nomem;
  return sched::sched_fork(*task_, caller);
}

}  // namespace tine
