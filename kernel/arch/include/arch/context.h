// SPDX-License-Identifier: MIT
//
// A task's machine state: the registers it entered the kernel with (UserRegs, at the top of its
// kernel stack) and what a switch must keep (ThreadContext, inside Schedulable).
//
// arch/impl/context.h defines:
//   struct UserRegs        with system_call_number(), argument(i) 0..5, return_value(),
//                          set_return_value(long), instruction_pointer(), stack_pointer(),
//                          set_instruction_pointer(UserAddr), set_stack_pointer(UserAddr),
//                          rewind_system_call(): makes the same call run again (restart),
//                          set_system_call_number(long), in_system_call()
//   struct ThreadContext   kernel stack pointer, TLS base, FPU state
#pragma once

#include <cstdint>

#include "core/result.h"
#include "core/types.h"

namespace tine {
struct Task;
}
namespace tine::sched {
struct Schedulable;
}

#include "arch/impl/context.h"  // IWYU pragma: export

namespace tine::arch {

// Switches kernel stacks, TLS and FPU ownership from `previous` to `next`; returns, much later, on
// the stack of `previous`, with the Schedulable that ran just before it was switched back in.
// Interrupts off, run queue locked. Address spaces are switched by the caller (mm/mm.h).
sched::Schedulable* switch_context(sched::Schedulable& previous, sched::Schedulable& next);

// The registers a user task entered the kernel with: at the top of its kernel stack.
UserRegs& user_regs(sched::Schedulable& task);

// copy_thread's three parts (E-7). `child` has a kernel stack and is not yet visible.
// User child: the caller's registers with return value 0; FPU and TLS state are read live from the
// hardware. new_stack 0 keeps the stack pointer. When first switched to, the child runs
// task_first_return() (sched) and leaves to user mode by the normal path.
Result<void> copy_user_context(sched::Schedulable& child, sched::Schedulable& caller,
                               UserAddr new_stack);
// CLONE_SETTLS. Fails with EPERM for an address that is not canonical.
Result<void> set_thread_pointer(sched::Schedulable& child, UserAddr tls);
// Kernel thread: runs entry(argument) in kernel mode when first switched to.
void set_kernel_entry(sched::Schedulable& child, void (*entry)(void*), void* argument);
void release_context(sched::Schedulable& task);  // frees the FPU state, if any

// exec: resets FPU, TLS, segments and registers of the running task, to start at `entry`.
void start_user_program(UserRegs& regs, UserAddr entry, UserAddr stack_pointer);

// arch_prctl(2) and its like.
SyscallResult thread_control(sched::Schedulable& caller, int code, uint64_t address);

}  // namespace tine::arch
