// SPDX-License-Identifier: MIT
//
// kernel_clone (E4): copy_process → number → vfork set-up → wake → trace event → vfork wait.
//
// A vfork parent sleeps on a Completion on its own stack; the child finds it through vfork_done,
// guarded by the child's alloc_lock. Whoever takes it out of there first, the child's mm_release()
// or the killed parent, is the last to touch it.
#include "task/clone/kernel_clone.h"

#include <utility>

#include "task/clone/copy_process.h"
#include "task/namespace/namespaces.h"

namespace tine {

namespace {

// A parent's sleep until its vfork child has exec'd or exited (D29).
class VforkWait {
 public:
  explicit VforkWait(Task& child) : child_(child) {
    IrqGuard guard(child_->alloc_lock);
    child_->vfork_done = &released_;
  }

  // A fatal signal ends the wait early; the child then runs on alone (D30).
  void wait() {
    if (released_.wait_as(WaitKind::killable)) return;
    {
      IrqGuard guard(child_->alloc_lock);
      if (child_->vfork_done != nullptr) {
        child_->vfork_done = nullptr;
        return;
      }
    }
    released_.wait();  // the child took it a moment before us and is about to complete it
  }

 private:
  Ref<Task> child_;
  Completion released_;
};

}  // namespace

Result<int> kernel_clone(const CloneRequest& request) {
  Task& caller = current();
  Ref<Task> child = TRY(copy_process(caller, request));

  // Read before the child runs: it may be gone, reaped by another thread, right after the wake.
  const int number = child->pid->number_in(*caller.namespaces->pid_for_children);
  if (request.has(kCloneParentSettid)) {
    (void)request.parent_tid.write(
        number);  // the child exists: a bad address changes nothing (C18)
  }
  if (!request.has(kCloneVfork)) {
    sched::wake_up_new_task(*child);
    return number;
  }
  VforkWait vfork(*child);
  sched::wake_up_new_task(*child);
  vfork.wait();
  return number;
}

void finish_birth(Task& child) {
  const UserAddr where = std::exchange(child.set_child_tid, UserAddr());
  if (where.value == 0) return;
  const int number = child.pid->number_in(*child.namespaces->pid_for_children);
  (void)UserOut<int>(where).write(number);  // Linux ignores a bad address here too
}

}  // namespace tine
