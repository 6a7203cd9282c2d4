// SPDX-License-Identifier: MIT
//
// FPU, SSE and AVX state of tasks. A task gets an area at its first FPU instruction (#NM), so one
// that never touches the FPU costs nothing at fork or switch.
//
// The state of a task that has an area is live in the registers whenever the task runs; CR0.TS is
// set exactly while a task without one runs, and the registers then hold the initial state, so that
// nothing of another task can be seen even speculatively. Who changes an area or the pointer to it
// has preemption off.
#pragma once

#include "arch/context.h"
#include "core/result.h"

namespace tine::x86 {

void init_fpu();              // once, on the boot CPU
void init_fpu_of_this_cpu();  // the others
// Interrupts off.
void switch_fpu(arch::ThreadContext& previous, arch::ThreadContext& next);
// First FPU instruction of the running task. ENOMEM.
Result<void> first_fpu_use(arch::ThreadContext& current);
// fork: the caller, which runs, has its live state saved for the child. ENOMEM.
Result<void> fork_fpu(arch::ThreadContext& child, const arch::ThreadContext& current);
// The running task goes back to never having used the FPU.
void reset_fpu(arch::ThreadContext& current);
void free_fpu(arch::ThreadContext& context);

// Sets CR0.TS: the next FPU instruction traps.
void stop_fpu_use();

// Signal frames: the XSAVE area, with the software bytes that say its size and a second magic
// number behind it. `to` is 64-byte aligned; false: it cannot be written.
uint64_t fpu_frame_size();
bool save_fpu_to_user(UserAddr to);
// Replaces the running task's state by what `from` holds. An area without
// valid software bytes is taken for FXSAVE's 512 bytes. EFAULT, ENOMEM.
Result<void> restore_fpu_from_user(arch::ThreadContext& current, UserAddr from);

}  // namespace tine::x86
