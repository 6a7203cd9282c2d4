// SPDX-License-Identifier: MIT
//
// The steps of copy_process() that give the child its parts: each shares the caller's or makes a
// copy, as the request says (DESIGN: "shared, or copied by its first writer"). They acquire into
// values the child then owns, change nothing others see, and fail with ENOMEM unless said
// otherwise.
#pragma once

#include "task/clone/clone_request.h"
#include "task/task.h"

namespace tine {

Result<Ref<const Creds>> copy_creds(const Task& caller, const CloneRequest& request);
Result<Ref<fs::FilesTable>> copy_files(const Task& caller, const CloneRequest& request);
Result<Ref<fs::FsContext>> copy_fs(const Task& caller, const CloneRequest& request);
Result<Ref<SigHand>> copy_sighand(const Task& caller, const CloneRequest& request);
Result<Ref<SignalState>> copy_signal(const Task& caller, const CloneRequest& request);
Result<mm::MmUser> copy_mm(const Task& caller, const CloneRequest& request);
// EPERM without CAP_SYS_ADMIN, EINVAL for a kind of namespace that is not there.
Result<Ref<Namespaces>> copy_namespaces(const Task& caller, const CloneRequest& request);
// EBADF: there is no cgroup to go into.
Result<void> check_cgroup(const CloneRequest& request);
// Registers, stack, TLS (E-7). EPERM for an address that is not canonical.
Result<void> copy_thread(Task& child, Task& caller, const CloneRequest& request);

}  // namespace tine
