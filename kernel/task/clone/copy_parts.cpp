// SPDX-License-Identifier: MIT
//
// The parts a child shares or copies. Who sleeps: copy_mm (it takes the caller's mmap_lock),
// copy_files and copy_fs (spin locks of their own). What cannot fail by itself asks fail_here(), so
// that the failure sweep reaches every step.
#include "task/clone/copy_parts.h"

#include <algorithm>

#include "fs/files_table.h"
#include "fs/fs_context.h"
#include "fs/tty/terminal.h"
#include "task/namespace/namespaces.h"
#include "task/signal_state.h"

namespace tine {

// Creds never change once visible, so processes share them like threads do; who changes his makes
// new ones (E16).
Result<Ref<const Creds>> copy_creds(const Task& caller, const CloneRequest&) {
  if (fail_here()) return Errno::nomem;
  return caller.real_creds;
}

Result<Ref<fs::FilesTable>> copy_files(const Task& caller, const CloneRequest& request) {
  if (!caller.files || request.has(kCloneFiles)) return caller.files;  // B40
  return fs::dup_files(*caller.files);
}

Result<Ref<fs::FsContext>> copy_fs(const Task& caller, const CloneRequest& request) {
  if (!caller.fs || request.has(kCloneFs)) return caller.fs;  // B37
  return fs::dup_fs_context(*caller.fs);
}

Result<Ref<SigHand>> copy_sighand(const Task& caller, const CloneRequest& request) {
  if (request.has(kCloneSighand)) return caller.sighand;  // B45
  IrqGuard guard(caller.sighand->lock);
  Ref<SigHand> copy = TRY(make_ref<SigHand>(*caller.sighand));
  if (request.has(kCloneClearSighand)) copy->reset_handlers();  // G2
  return copy;
}

// E31. Pending signals, timers, accounting and stops start empty; group, session and terminal are
// taken by publish(), under the lock that keeps them from changing.
Result<Ref<SignalState>> copy_signal(const Task& caller, const CloneRequest& request) {
  if (request.has(kCloneThread)) return caller.signal;
  Ref<SignalState> fresh = TRY(make_ref<SignalState>());
  const SignalState& old = *caller.signal;
  IrqGuard guard(caller.sighand->lock);
  std::ranges::copy(old.limits, fresh->limits);
  fresh->oom_score_adj = old.oom_score_adj;
  fresh->oom_score_adj_min = old.oom_score_adj_min;
  return fresh;
}

Result<mm::MmUser> copy_mm(const Task& caller, const CloneRequest& request) {
  if (!caller.mm) return mm::MmUser();  // B31: a kernel thread has none to give
  if (request.has(kCloneVm)) return mm::MmUser::share(*caller.mm);
  return mm::MmUser::adopt(TRY(mm::dup_mm(*caller.mm)));
}

// The errors of a Linux that was built without namespaces: first the right to ask, then EINVAL.
Result<Ref<Namespaces>> copy_namespaces(const Task& caller, const CloneRequest& request) {
  if (request.has(kCloneNewAny)) {
    const bool needs_privilege = request.has(kCloneNewAny & ~kCloneNewUser);
    if (needs_privilege && !capable(kCapSysAdmin)) return Errno::perm;
    return Errno::inval;
  }
  if (fail_here()) return Errno::nomem;
  return caller.namespaces;
}

Result<void> check_cgroup(const CloneRequest& request) {
  if (request.has(kCloneIntoCgroup)) return Errno::badf;
  return {};
}

Result<void> copy_thread(Task& child, Task& caller, const CloneRequest& request) {
  if (fail_here()) return Errno::nomem;
  if (request.entry != nullptr) {
    arch::set_kernel_entry(child, request.entry, request.argument);
    return {};
  }
  TRY(arch::copy_user_context(child, caller, request.stack));
  if (request.has(kCloneSettls)) TRY(arch::set_thread_pointer(child, request.thread_pointer));
  return {};
}

}  // namespace tine
