// SPDX-License-Identifier: MIT
//
// Delivery: what a task does about its pending signals on the way back to user mode (Linux:
// get_signal, handle_signal), and how an interrupted system call goes on (signal(7), "Interruption
// of system calls").
//
// At most one handler's frame is pushed a call; the way back to user mode calls again while
// something is due. A process that is to die or stop does so here.
#include "arch/signal_frame.h"
#include "syscall/syscall.h"
#include "task/exit/exit.h"
#include "task/pid/process_group.h"
#include "task/signal/internal.h"

namespace tine::signal {

namespace {

struct Handler {
  Handler() {}
  int number = 0;  // 0: none is to run
  SigAction action;
  union {
    SigInfo info;  // not cleared first: dequeue_signal() fills all of it
  };
};

// Takes part in the stop under way: sleeps until SIGCONT or death. The state is set under the
// sighand lock, so that a SIGCONT after that finds it.
void stop_here(Task& task) {
  ParentNotice notice;
  {
    IrqGuard guard(task.sighand->lock);
    if (!is_stop_due(task)) return;
    notice = finish_own_stop(task);
    prepare_to_sleep(TaskState::stopped);
  }
  if (notice.code != 0) {
    IrqGuard tree(task_tree_lock);
    tell_parent(task, notice);
  }
  sched::schedule();
}

void begin_stop(Task& task, int number) {
  // The tty's stop signals do nothing in a group that nobody could continue (POSIX); SIGSTOP does.
  if (number != kSigStop && is_orphaned_process_group(*own_process_group())) return;
  {
    IrqGuard guard(task.sighand->lock);
    // A SIGCONT that came meanwhile cancels the stop; it also took the stop signals off the queues.
    if (!begin_group_stop(task, number)) return;
  }
  announce_to_rest(task);
  stop_here(task);
}

[[noreturn]] void die(Task& task, int number) {
  task.flags |= kPfSignaled;
  if (bit(number) & kCoreSignals) task.flags |= kPfDumpCore;
  do_group_exit(number);  // no core is written, so the status does not claim one
}

enum class Next : uint8_t { nothing, handler, stop, ignore, die };

// Takes one signal and says what is to be done about it.
Next take_one(Task& task, Handler& handler) {
  IrqGuard guard(task.sighand->lock);
  SignalState& process = *task.signal;
  const SigSet candidates = ~task.blocked;
  const int number = dequeue_signal(task, candidates, handler.info);
  recalculate_pending(task);
  if (number == 0) return Next::nothing;

  handler.number = number;
  handler.action = task.sighand->action(number);
  if (handler.action.handler == kIgnoreHandler) return Next::ignore;
  if (handler.action.handler != kDefaultHandler) {
    if (handler.action.flags & kSaResetHand) {
      SigAction reset = handler.action;
      reset.handler = kDefaultHandler;
      // Without memory for a table of its own the process loses the flags too, which matter little
      // to a default action.
      if (!task.sighand->set_action(number, reset)) task.sighand->set_default(number);
    }
    return Next::handler;
  }
  if (bit(number) & kIgnoredByDefault) return Next::ignore;
  if (process.is_unkillable && !(bit(number) & kUncatchable)) return Next::ignore;
  return (bit(number) & kStopSignals) ? Next::stop : Next::die;
}

bool is_dying(const Task& task) { return fatal_signal_pending(task) || task.signal->group_exiting; }

// The next handler to run, after all that is done without one. Does not return for a dying task.
Handler next_handler(Task& task) {
  Handler handler;
  for (;;) {
    if (is_dying(task)) [[unlikely]]
      do_group_exit(kSigKill);
    if (is_stop_due(task)) [[unlikely]] {
      stop_here(task);
      continue;
    }
    switch (take_one(task, handler)) {
      case Next::nothing:
        handler.number = 0;
        return handler;
      case Next::handler:
        return handler;
      case Next::ignore:
        break;
      case Next::stop:
        begin_stop(task, handler.number);
        break;
      case Next::die:
        die(task, handler.number);
    }
  }
}

constexpr long failure(Errno error) { return -static_cast<long>(error); }

// How the interrupted system call goes on: `action` null when no handler runs. Only the codes that
// the kernel keeps to itself mean an interrupted call.
void settle_system_call(Task& task, arch::UserRegs& regs, const SigAction* action) {
  constexpr long kRestartBlock = failure(Errno::restart_restartblock);
  const long result = regs.return_value();
  if (!regs.in_system_call() || result > failure(Errno::restart_sys) || result < kRestartBlock) {
    return;
  }
  const bool restarts = result == failure(Errno::restart_nointr) ||
                        (result == failure(Errno::restart_sys) &&
                         (action == nullptr || (action->flags & kSaRestart))) ||
                        (result == failure(Errno::restart_nohand) && action == nullptr);
  if (restarts) {
    regs.rewind_system_call();
  } else if (result == kRestartBlock && action == nullptr) {
    regs.set_system_call_number(kRestartSyscallNumber);
    regs.rewind_system_call();
  } else {
    task.restart.resume = nullptr;
    regs.set_return_value(failure(Errno::intr));
  }
}

void run_handler(Task& task, arch::UserRegs& regs, const Handler& handler) {
  const bool has_saved_mask = task.work.load() & sched::kWorkRestoreMask;
  const SigSet mask_to_save = has_saved_mask ? task.saved_blocked : task.blocked;
  settle_system_call(task, regs, &handler.action);
  Result<void> pushed = arch::push_signal_frame(regs, handler.number, handler.action, handler.info,
                                                mask_to_save, task.alternate_stack);
  if (!pushed) {
    // The stack is unusable. A SIGSEGV handler may run on another one; if it is itself the one that
    // cannot run, nothing helps.
    if (handler.number == kSigSegv)
      force_fatal(kSigSegv);
    else
      force_fault(kSigSegv, kSiKernel, UserAddr());
    return;
  }
  if (has_saved_mask) task.work.fetch_and(~uint32_t{sched::kWorkRestoreMask});
  if (task.alternate_stack.flags & kSsAutoDisarm) task.alternate_stack = AltStack{};
  SigSet blocked = task.blocked | handler.action.mask;
  if (!(handler.action.flags & kSaNoDefer)) blocked |= bit(handler.number);
  set_blocked(blocked);
}

}  // namespace

void deliver_pending(arch::UserRegs& regs) {
  Task& task = current();
  const Handler handler = next_handler(task);
  if (handler.number != 0) {
    run_handler(task, regs, handler);
    return;
  }
  settle_system_call(task, regs, nullptr);
  restore_saved_mask();
}

}  // namespace tine::signal
