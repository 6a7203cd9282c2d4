// SPDX-License-Identifier: MIT
//
// Builds the child that `request` asks for and makes it visible to the rest of the system.
//
// Until publish() the child belongs to this call alone: nobody can find it, so no lock is held, and
// any early return destroys `child`, whose members give back what they hold, in reverse order. So
// each step must only *acquire* into the child, never change what others see.
//
// The order is the contract's (B63, E-3), for which errors and side effects depend on it.
#include "task/clone/copy_process.h"

#include "fs/files_table.h"
#include "fs/fs_context.h"
#include "task/clone/copy_parts.h"
#include "task/namespace/namespaces.h"
#include "task/signal_state.h"

namespace tine {

Result<Ref<Task>> copy_process(Task& caller, const CloneRequest& request) {
  TRY(request.validate(caller));
  ForkUnderWay under_way(caller);
  TRY(under_way.begin(request));

  auto child = TRY(NascentTask::duplicate(caller, request));  // task and kernel stack
  child->real_creds = TRY(copy_creds(caller, request));
  child->charge = TRY(ProcessCharge::acquire(caller, *child->real_creds));
  TRY(child.join_scheduler(caller));  // not runnable before publish
  TRY(check_cgroup(request));

  child->files = TRY(copy_files(caller, request));
  child->fs = TRY(copy_fs(caller, request));
  child->sighand = TRY(copy_sighand(caller, request));
  child->signal = TRY(copy_signal(caller, request));
  child->mm = TRY(copy_mm(caller, request));
  child->Schedulable::mm = child->mm.get();
  child->namespaces = TRY(copy_namespaces(caller, request));
  TRY(copy_thread(*child, caller, request));  // registers, TLS, return 0

  child->pid = TRY(child->namespaces->pid_for_children->allocate(request.wanted_tids()));
  child->thread_number = child->pid->number();
  child->process_number = request.has(kCloneThread) ? caller.tgid() : child->tid();
  auto pidfd = TRY(prepare_pidfd(*child->pid, request));  // a number nobody sees yet

  return publish(std::move(child), caller, request, std::move(pidfd), under_way);
}

}  // namespace tine
