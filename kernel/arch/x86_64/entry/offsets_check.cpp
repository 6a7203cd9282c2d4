// SPDX-License-Identifier: MIT
//
// Asserts that offsets.h, which the assembly uses, agrees with the C++ types. No code.
#include "arch/x86_64/offsets.h"

#include <cstddef>

#include "arch/cpu.h"
#include "sched/schedulable.h"
#include "syscall/syscall.h"

namespace tine {

using arch::CpuLocal;
using arch::UserRegs;
using sched::Schedulable;

static_assert(offsetof(CpuLocal, current) == CPU_CURRENT);
static_assert(offsetof(CpuLocal, kernel_stack_top) == CPU_KERNEL_STACK_TOP);
static_assert(offsetof(CpuLocal, scratch) == CPU_SCRATCH);
static_assert(offsetof(CpuLocal, preempt_count) == CPU_PREEMPT_COUNT);
static_assert(arch::kNoReschedDue == PREEMPT_IDLE);
static_assert(sizeof(CpuLocal) == CPU_STACK_CANARY);  // the first member of x86::CpuBlock

static_assert(offsetof(Schedulable, context.stack_pointer) == TASK_STACK_POINTER);
static_assert(offsetof(Schedulable, work) == TASK_WORK);
static_assert(sched::kWorkSyscallTrace == WORK_SYSCALL_TRACE);

static_assert(offsetof(UserRegs, r15) == REGS_R15 && offsetof(UserRegs, r11) == REGS_R11);
static_assert(offsetof(UserRegs, r10) == REGS_R10 && offsetof(UserRegs, r9) == REGS_R9);
static_assert(offsetof(UserRegs, r8) == REGS_R8 && offsetof(UserRegs, rax) == REGS_RAX);
static_assert(offsetof(UserRegs, rcx) == REGS_RCX && offsetof(UserRegs, rdx) == REGS_RDX);
static_assert(offsetof(UserRegs, rsi) == REGS_RSI && offsetof(UserRegs, rdi) == REGS_RDI);
static_assert(offsetof(UserRegs, orig_rax) == REGS_ORIG_RAX && offsetof(UserRegs, rip) == REGS_RIP);
static_assert(offsetof(UserRegs, cs) == REGS_CS && offsetof(UserRegs, rflags) == REGS_RFLAGS);
static_assert(offsetof(UserRegs, rsp) == REGS_RSP && offsetof(UserRegs, ss) == REGS_SS);
static_assert(sizeof(UserRegs) == REGS_SIZE);
static_assert(UserRegs::kUserSs == SELECTOR_USER_DATA);
static_assert(kSyscallCount == SYSCALL_COUNT);

}  // namespace tine
