// SPDX-License-Identifier: MIT
//
// The frame that a signal handler finds on its stack, and the way back from it: sigaltstack(2),
// sigreturn(2). The layout is the architecture's ABI (rt_sigframe).
#pragma once

#include "arch/context.h"
#include "core/result.h"

namespace tine::signal {
struct SigInfo;
struct SigAction;
struct AltStack;
using SigSet = uint64_t;
}  // namespace tine::signal

namespace tine::arch {

// Builds the frame on the user's stack (or the alternate one) and points the running task's
// registers at the handler. Fails with EFAULT when the stack cannot be written: the caller then
// forces SIGSEGV.
Result<void> push_signal_frame(UserRegs& regs, int signal_number, const signal::SigAction& action,
                               const signal::SigInfo& info, signal::SigSet saved_mask,
                               const signal::AltStack& alternate);
// rt_sigreturn: restores registers and FPU from the frame; gives the mask and the alternate stack
// that it saved. EFAULT: the frame is unreadable or hostile.
struct RestoredFrame { signal::SigSet mask; UserAddr alt_base; uint64_t alt_size; int alt_flags; };
Result<RestoredFrame> pop_signal_frame(UserRegs& regs);

}  // namespace tine::arch
