// SPDX-License-Identifier: MIT
//
// Restartable sequences: rseq(2). See rseq.cpp.
#pragma once

#include "arch/context.h"
#include "core/result.h"
#include "core/types.h"

namespace tine {

struct Task;

// EBUSY registered already, EPERM with another signature, EINVAL, EFAULT.
Result<void> register_rseq(UserAddr area, uint32_t length, uint32_t signature);
Result<void> unregister_rseq(UserAddr area, uint32_t length, uint32_t signature);
void inherit_rseq(Task& child, const Task& caller);  // fork without CLONE_VM (E43)
void forget_rseq(Task& task);                        // exec
// Before the running task goes on in user mode after a switch, or into a handler: aborts the
// sequence that it was in and tells it where it is. A broken area kills it with SIGSEGV.
void update_rseq(arch::UserRegs& regs);

}  // namespace tine
