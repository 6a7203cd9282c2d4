// SPDX-License-Identifier: MIT
//
// Signals: actions, masks, waiting for them, sending them. sigaction(2), sigprocmask(2),
// sigpending(2), sigsuspend(2), sigtimedwait(2), sigaltstack(2), kill(2), tgkill(2),
// rt_sigqueueinfo(2), pidfd_send_signal(2), restart_syscall(2).
#include "arch/signal_frame.h"
#include "sched/timer.h"
#include "syscall/syscalls.h"
#include "task/namespace/namespaces.h"
#include "task/pid/pidfd.h"
#include "task/signal/kill.h"
#include "task/signal/queue.h"
#include "task/signal_state.h"

namespace tine {

using namespace signal;

// Two short ways instead of one: posix_spawn(3) asks for the action of each signal, one by one, and
// makes each the default.
namespace {

SyscallResult tell_action(int number, UserOut<SigAction> to) {
  SigHand& sighand = *current().sighand;
  if (sighand.is_only_reference()) [[likely]] {  // nobody else could change it
    TRY(to.write(sighand.action(number)));
    return 0;
  }
  SigAction action;
  {
    IrqGuard guard(sighand.lock);
    action = sighand.action(number);
  }
  TRY(to.write(action));
  return 0;
}

SyscallResult change_action(int number, UserIn<SigAction> from, UserOut<SigAction> old_action) {
  SigAction fresh;
  TRY(from.read_array({&fresh, 1}));
  if (bit(number) & kUncatchable) return Errno::inval;
  fresh.mask &= ~kUncatchable;
  Task& task = current();
  SigAction old;
  {
    IrqGuard guard(task.sighand->lock);
    if (old_action) old = task.sighand->action(number);
    TRY(task.sighand->set_action(number, fresh));
    // POSIX 2.4.3: setting a signal to be ignored discards what is pending, also when blocked.
    const bool ignores = fresh.handler == kIgnoreHandler ||
                         (fresh.handler == kDefaultHandler && (bit(number) & kIgnoredByDefault));
    if (ignores) {
      discard(task.signal->shared_pending, bit(number));
      for (Task& thread : task.signal->threads) discard(thread.pending, bit(number));
    }
  }
  if (old_action) TRY(old_action.write(old));
  return 0;
}

}  // namespace

SyscallResult sys_rt_sigaction(int number, UserIn<SigAction> action, UserOut<SigAction> old_action,
                               uint64_t set_size) {
  if (set_size != sizeof(SigSet) || !is_valid_signal(number)) return Errno::inval;
  if (action) return change_action(number, action, old_action);
  if (old_action) return tell_action(number, old_action);
  return 0;
}

SyscallResult sys_rt_sigprocmask(int how, UserIn<SigSet> set, UserOut<SigSet> old_set,
                                 uint64_t set_size) {
  enum : int { kBlock = 0, kUnblock = 1, kSetMask = 2 };
  if (set_size != sizeof(SigSet)) return Errno::inval;
  const SigSet old = current().blocked;
  if (set) {
    const SigSet given = TRY(set.read());
    switch (how) {
      case kBlock:
        set_blocked(old | given);
        break;
      case kUnblock:
        set_blocked(old & ~given);
        break;
      case kSetMask:
        set_blocked(given);
        break;
      default:
        return Errno::inval;
    }
  }
  if (old_set) TRY(old_set.write(old));
  return 0;
}

SyscallResult sys_rt_sigreturn() {
  Task& task = current();
  arch::UserRegs& regs = arch::user_regs(task);
  const Result<arch::RestoredFrame> frame = arch::pop_signal_frame(regs);
  if (!frame) {
    force_fault(kSigSegv, kSiKernel, UserAddr());
    return 0;
  }
  set_blocked(frame->mask);
  // The stack that the frame saved is in force again, unless we still run on it.
  if (!task.alternate_stack.contains(regs.stack_pointer().value)) {
    task.alternate_stack = {.base = frame->alt_base.value,
                            .flags = frame->alt_flags & ~int32_t{kSsOnStack},
                            .size = frame->alt_size};
  }
  regs.set_system_call_number(-1);  // no call is being left: nothing is restarted
  return regs.return_value();
}

SyscallResult sys_rt_sigpending(UserOut<SigSet> set, uint64_t set_size) {
  if (set_size > sizeof(SigSet)) return Errno::inval;
  const Task& task = current();
  SigSet pending;
  {
    IrqGuard guard(task.sighand->lock);
    pending = (task.pending.set | task.signal->shared_pending.set) & task.blocked;
  }
  if (arch::copy_to_user(set.address(), &pending, set_size) != 0) return Errno::fault;
  return 0;
}

namespace {

int dequeue_awaited(Task& task, SigSet awaited, SigInfo& info) {
  IrqGuard guard(task.sighand->lock);
  return dequeue_signal(task, awaited, info);
}

void set_awaited(Task& task, SigSet awaited) {
  IrqGuard guard(task.sighand->lock);
  task.waits_for = awaited;
  recalculate_pending(task);
}

}  // namespace

SyscallResult sys_rt_sigtimedwait(UserIn<SigSet> set, UserOut<SigInfo> info,
                                  UserIn<abi::Timespec> timeout, uint64_t set_size) {
  if (set_size != sizeof(SigSet)) return Errno::inval;
  const SigSet awaited = TRY(set.read()) & ~kUncatchable;
  Nanoseconds deadline = kNever;
  if (timeout) {
    const abi::Timespec length = TRY(timeout.read());
    if (!length.is_valid()) return Errno::inval;
    if (length.to_nanoseconds() != kNever) {
      deadline = time::monotonic_now() + length.to_nanoseconds();
    }
  }
  Task& task = current();
  SigInfo taken;
  int number = dequeue_awaited(task, awaited, taken);
  if (number == 0 && deadline > time::monotonic_now()) {
    set_awaited(task, awaited);
    WaitQueue nobody;  // only a signal ends this sleep
    const Result<void> slept =
        wait_event(nobody, WaitKind::interruptible, [] { return false; }, deadline);
    set_awaited(task, 0);
    number = dequeue_awaited(task, awaited, taken);
    if (number == 0 && slept.error() == Errno::restart_sys) return Errno::intr;
  }
  if (number == 0) return Errno::again;
  if (info) TRY(info.write(taken));
  return number;
}

SyscallResult sys_rt_sigsuspend(UserIn<SigSet> mask, uint64_t set_size) {
  if (set_size != sizeof(SigSet)) return Errno::inval;
  set_temporary_mask(TRY(mask.read()));
  return sys_pause();
}

SyscallResult sys_pause() {
  WaitQueue nobody;
  (void)wait_event(nobody, WaitKind::interruptible, [] { return false; });
  return Errno::restart_nohand;
}

SyscallResult sys_restart_syscall() {
  RestartBlock& block = current().restart;
  if (block.resume == nullptr) return Errno::intr;
  return block.resume(block);
}

SyscallResult sys_kill(int pid, int number) {
  TRY(signal::kill(pid, number, info_of_sender(number, kSiUser)));
  return 0;
}

SyscallResult sys_tkill(int tid, int number) {
  TRY(kill_thread(0, tid, number, info_of_sender(number, kSiTkill)));
  return 0;
}

SyscallResult sys_tgkill(int pid, int tid, int number) {
  if (pid <= 0) return Errno::inval;
  TRY(kill_thread(pid, tid, number, info_of_sender(number, kSiTkill)));
  return 0;
}

namespace {

// Only to itself may a process pretend to be the kernel, or kill(2), as the sender.
Result<SigInfo> read_queued_info(UserIn<SigInfo> from, int number, bool is_to_self) {
  SigInfo info = TRY(from.read());
  info.number = number;
  if ((info.code >= 0 || info.code == kSiTkill) && !is_to_self) return Errno::perm;
  return info;
}

}  // namespace

SyscallResult sys_rt_sigqueueinfo(int pid, int number, UserIn<SigInfo> info) {
  const bool is_to_self = pid == current().tgid();
  const SigInfo told = TRY(read_queued_info(info, number, is_to_self));
  TRY(signal::kill(pid, number, told));
  return 0;
}

SyscallResult sys_rt_tgsigqueueinfo(int pid, int tid, int number, UserIn<SigInfo> info) {
  if (pid <= 0 || tid <= 0) return Errno::inval;
  const bool is_to_self = tid == current().tid();
  const SigInfo told = TRY(read_queued_info(info, number, is_to_self));
  TRY(kill_thread(pid, tid, number, told));
  return 0;
}

SyscallResult sys_pidfd_send_signal(int fd, int number, UserIn<SigInfo> info, uint32_t flags) {
  if (flags != 0) return Errno::inval;
  uint32_t file_flags = 0;
  const Ref<Pid> pid = TRY(pid_to_signal(fd, file_flags));
  SigInfo told = info_of_sender(number, kSiUser);
  if (info) {
    const int named = TRY(info.read()).number;
    if (named != number) return Errno::inval;
    const bool is_to_self = pid.get() == current().group_leader->pid.get();
    told = TRY(read_queued_info(info, number, is_to_self));
  }
  TRY(kill_pid(*pid, number, told, file_flags & kPidfdThread));
  return 0;
}

SyscallResult sys_sigaltstack(UserIn<AltStack> stack, UserOut<AltStack> old_stack) {
  Task& task = current();
  const uint64_t stack_pointer = arch::user_regs(task).stack_pointer().value;
  AltStack old = task.alternate_stack;
  const bool is_on_it = old.contains(stack_pointer);
  if (stack) {
    constexpr uint64_t kMinSize = 2048;  // MINSIGSTKSZ
    AltStack fresh = TRY(stack.read());
    const int32_t mode = fresh.flags & ~kSsAutoDisarm;
    if (is_on_it) return Errno::perm;
    if (mode != 0 && mode != kSsOnStack && mode != kSsDisable) return Errno::inval;
    if (mode == kSsDisable) {
      fresh.base = fresh.size = 0;
    } else if (fresh.size < kMinSize) {
      return Errno::nomem;
    }
    fresh.padding = 0;
    task.alternate_stack = fresh;
  }
  if (old_stack) {
    const int32_t mode = is_on_it ? kSsOnStack : old.size == 0 ? kSsDisable : 0;
    old.flags = mode | (old.flags & kSsAutoDisarm);
    TRY(old_stack.write(old));
  }
  return 0;
}

}  // namespace tine
