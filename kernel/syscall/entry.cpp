// SPDX-License-Identifier: MIT
//
// Between user mode and the kernel: the slow way into a system call, and the slow way out, which
// does what is due before a program runs on. The architecture's entry code calls table functions
// itself when nothing special is up.
#include "arch/cpu.h"
#include "syscall/syscall.h"
#include "task/clone/kernel_clone.h"
#include "task/rseq.h"
#include "task/task.h"
#include "task/timer/cpu_limits.h"

namespace tine {

void dispatch_system_call(arch::UserRegs& regs) {
  const auto number = static_cast<uint64_t>(regs.system_call_number());
  const SyscallFunction function = number < kSyscallCount ? syscall_table[number] : not_implemented;
  regs.set_return_value(function(regs));
}

namespace {

constexpr uint32_t kSignalWork =
    sched::kWorkSignal | sched::kWorkFatalSignal | sched::kWorkRestoreMask;

void do_work(Task& task, arch::UserRegs& regs, uint32_t work) {
  if (work & sched::kWorkNotifyResume) {
    task.work.fetch_and(~uint32_t{sched::kWorkNotifyResume});
    finish_birth(task);
    check_cpu_limits(task);
  }
  if (task.has_rseq) update_rseq(regs);  // before a handler's frame is laid over the sequence
  if (work & kSignalWork) signal::deliver_pending(regs);
}

}  // namespace

void exit_to_user_work(arch::UserRegs& regs, bool) {
  Task& task = current();
  constexpr uint32_t kHandled = kSignalWork | sched::kWorkNotifyResume;
  for (;;) {
    const uint32_t work = task.work.load(std::memory_order_acquire) & kHandled;
    if (work == 0 && !arch::need_resched()) return;
    arch::irq_enable();
    if (arch::need_resched()) sched::schedule();
    if (work != 0) do_work(task, regs, work);
    arch::irq_disable();
  }
}

}  // namespace tine
