// SPDX-License-Identifier: MIT
//
// arch/context.h for x86-64: switching tasks, the first frame of a new one, and the registers a
// program starts with. UserRegs lie at the very top of each kernel stack.
//
// FS and GS bases are live in the registers while a task runs. With FSGSBASE user code may change
// them at any time, so they are read at each switch (E80); without it only arch_prctl can, and
// ThreadContext always has the truth.
#include "arch/context.h"

#include "arch/cpu.h"
#include "arch/user_access.h"
#include "arch/x86_64/cpu/descriptor_tables.h"
#include "arch/x86_64/cpu/features.h"
#include "arch/x86_64/cpu/fpu.h"
#include "arch/x86_64/cpu/instructions.h"
#include "arch/x86_64/cpu/stack_canary.h"
#include "arch/x86_64/offsets.h"
#include "core/panic.h"
#include "mm/user_memory.h"
#include "sched/sched.h"

namespace tine::x86 {

extern "C" {
void* switch_stacks(uint64_t* save, uint64_t load, void* previous);
extern const char user_task_start[], kernel_task_start[];
// The first act of every new task, from entry/syscall.S.
void first_switch(sched::Schedulable* previous) { sched::schedule_tail(previous); }
}

namespace {

// What switch_stacks pops.
struct SwitchFrame {
  uint64_t r15, r14, r13, r12, rbx, rbp, return_address;
};

uint64_t stack_top(const sched::Schedulable& task) {
  return task.kernel_stack.value + sched::kKernelStackSize;
}

SwitchFrame& prepare_stack(sched::Schedulable& task, const char* start) {
  auto* frame = reinterpret_cast<SwitchFrame*>(&arch::user_regs(task)) - 1;
  *frame = {.return_address = reinterpret_cast<uint64_t>(start)};
  task.context.stack_canary = make_stack_canary(&task);
  task.context.stack_pointer = reinterpret_cast<uint64_t>(frame);
  return *frame;
}

uint64_t read_fs_base() {
  uint64_t base;
  asm volatile("rdfsbase %0" : "=r"(base));
  return base;
}
void write_fs_base(uint64_t base) {
  if (features.fsgsbase)
    asm volatile("wrfsbase %0" ::"r"(base));
  else
    write_msr(kMsrFsBase, base);
}
// The user's GS base waits in the swap register. Interrupts off: GS is wrong in between.
uint64_t read_user_gs_base() {
  uint64_t base;
  asm volatile("swapgs; rdgsbase %0; swapgs" : "=r"(base));
  return base;
}
void write_user_gs_base(uint64_t base) {
  if (features.fsgsbase)
    asm volatile("swapgs; wrgsbase %0; swapgs" ::"r"(base));
  else
    write_msr(kMsrKernelGsBase, base);
}

void save_bases(arch::ThreadContext& context) {
  if (!features.fsgsbase) return;
  context.fs_base = read_fs_base();
  context.gs_base = read_user_gs_base();
}

void switch_bases(arch::ThreadContext& previous, const arch::ThreadContext& next) {
  save_bases(previous);
  if (previous.fs_base != next.fs_base) write_fs_base(next.fs_base);
  if (previous.gs_base != next.gs_base) write_user_gs_base(next.gs_base);
}

// fs_base and gs_base of `task` as they are now; it may be the running one.
void refresh_bases(sched::Schedulable& task) {
  if (&task != arch::current_schedulable()) return;
  arch::IrqState state = arch::irq_save();
  save_bases(task.context);
  arch::irq_restore(state);
}

bool is_user_base(uint64_t address) { return address < arch::kUserTop; }

void set_live_bases(arch::ThreadContext& context, uint64_t fs, uint64_t gs) {
  arch::IrqState state = arch::irq_save();
  context.fs_base = fs;
  context.gs_base = gs;
  write_fs_base(fs);
  write_user_gs_base(gs);
  arch::irq_restore(state);
}

}  // namespace

}  // namespace tine::x86

namespace tine::arch {

UserRegs& user_regs(sched::Schedulable& task) {
  return *(reinterpret_cast<UserRegs*>(x86::stack_top(task)) - 1);
}

sched::Schedulable* switch_context(sched::Schedulable& previous, sched::Schedulable& next) {
  x86::switch_fpu(previous.context, next.context);
  x86::switch_bases(previous.context, next.context);
  uint64_t top = x86::stack_top(next);
  x86::CpuBlock& cpu = x86::this_cpu_block();
  cpu.kernel_stack_top = cpu.task_state.rsp[0] = top;
  cpu.current = &next;
  cpu.stack_canary = next.context.stack_canary;
  return static_cast<sched::Schedulable*>(
      x86::switch_stacks(&previous.context.stack_pointer, next.context.stack_pointer, &previous));
}

Result<void> copy_user_context(sched::Schedulable& child, sched::Schedulable& caller,
                               UserAddr new_stack) {
  x86::refresh_bases(caller);
  child.context.fs_base = caller.context.fs_base;
  child.context.gs_base = caller.context.gs_base;
  TRY(x86::fork_fpu(child.context, caller.context));
  x86::prepare_stack(child, x86::user_task_start);
  UserRegs& regs = user_regs(child);
  regs = user_regs(caller);
  regs.rax = 0;
  if (new_stack.value) regs.rsp = new_stack.value;
  regs.request_full_return();  // callee-saved registers are not in place yet
  return {};
}

Result<void> set_thread_pointer(sched::Schedulable& child, UserAddr tls) {
  if (!x86::is_user_base(tls.value)) return Errno::perm;
  child.context.fs_base = tls.value;
  return {};
}

void set_kernel_entry(sched::Schedulable& child, void (*entry)(void*), void* argument) {
  user_regs(child) = {};
  x86::SwitchFrame& frame = x86::prepare_stack(child, x86::kernel_task_start);
  frame.rbx = reinterpret_cast<uint64_t>(entry);
  frame.r12 = reinterpret_cast<uint64_t>(argument);
  child.context.fs_base = 0;
  child.context.gs_base = 0;
  child.context.fpu = nullptr;
}

void release_context(sched::Schedulable& task) { x86::free_fpu(task.context); }

void start_user_program(UserRegs& regs, UserAddr entry, UserAddr stack_pointer) {
  ThreadContext& context = current_schedulable()->context;
  x86::reset_fpu(context);
  x86::set_live_bases(context, 0, 0);
  regs = {};
  regs.orig_rax = -1;
  regs.rip = entry.value;
  regs.cs = SELECTOR_USER_CODE;
  regs.rflags = kFlagInterrupts;
  regs.rsp = stack_pointer.value;
  regs.request_full_return();
}

SyscallResult thread_control(sched::Schedulable& caller, int code, uint64_t address) {
  enum : int { kSetGs = 0x1001, kSetFs = 0x1002, kGetFs = 0x1003, kGetGs = 0x1004 };
  x86::refresh_bases(caller);
  ThreadContext& context = caller.context;
  switch (code) {
    case kSetFs:
    case kSetGs: {
      if (!x86::is_user_base(address)) return Errno::perm;
      bool fs = code == kSetFs;
      x86::set_live_bases(context, fs ? address : context.fs_base, fs ? context.gs_base : address);
      return 0;
    }
    case kGetFs:
      TRY(UserOut<uint64_t>(UserAddr(address)).write(context.fs_base));
      return 0;
    case kGetGs:
      TRY(UserOut<uint64_t>(UserAddr(address)).write(context.gs_base));
      return 0;
    default:
      return Errno::inval;
  }
}

}  // namespace tine::arch
