// SPDX-License-Identifier: MIT
//
// Who may look into the memory of a process (ptrace(2), PTRACE_MODE_*): itself, one with the same
// user and group in all their forms, or one with CAP_SYS_PTRACE.
#pragma once

#include "core/types.h"
#include "mm/mm.h"
#include "task/task.h"

namespace tine {

// Whether the running task may, as this user and group: its real ones (_REALCREDS) or those for
// files (_FSCREDS). `memory` is the target's.
bool may_trace(Task& target, const mm::Mm& memory, KernelUid uid, KernelGid gid);

}  // namespace tine
