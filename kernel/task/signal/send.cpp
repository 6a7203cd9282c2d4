// SPDX-License-Identifier: MIT
//
// Sending signals: whether anybody would act on it, queueing it, choosing the thread that handles
// it, and starting the end of the process when it is fatal (signal(7)).
//
// Callers hold task_tree_lock, which keeps the receiver's SigHand in place; the receiver's sighand
// lock is taken here. The running task may signal itself without task_tree_lock.
#include "task/clone/fork_under_way.h"
#include "task/signal/broadcast.h"
#include "task/signal/internal.h"

namespace tine::signal {

namespace {

enum class Target : uint8_t { thread, process, process_of_group };

bool is_fatal_by_default(const Task& task, int number) {
  return task.sighand->handler(number) == kDefaultHandler &&
         !(bit(number) & (kIgnoredByDefault | kStopSignals));
}

// A thread that can take the signal now: not blocked, not exiting, not busy with another one.
bool wants_signal(const Task& task, int number) {
  if (task.blocked & ~task.waits_for & bit(number)) return false;
  if (task.flags & kPfExiting) return false;
  if (number == kSigKill) return true;
  const TaskState state = task.state.load(std::memory_order_relaxed);
  if (state == TaskState::stopped || state == TaskState::traced) return false;
  return task.on_cpu.load(std::memory_order_relaxed) || !signal_pending(task);
}

Task* choose_thread(Task& task, int number, Target target) {
  if (wants_signal(task, number)) return &task;
  if (target == Target::thread || task.signal->thread_count == 1) return nullptr;
  for (Task& thread : task.signal->threads) {
    if (wants_signal(thread, number)) return &thread;
  }
  return nullptr;  // whoever unblocks it first will find it
}

// complete_signal: the signal is pending; wake who handles it, or end the process at once so that
// no thread runs on meanwhile.
void wake_receiver(Task& task, int number, Target target) {
  Task* receiver = choose_thread(task, number, target);
  if (receiver == nullptr) return;
  const bool is_awaited = receiver->waits_for & bit(number);
  if (is_fatal_by_default(task, number) && !task.signal->group_exiting && !is_awaited &&
      !(bit(number) & kCoreSignals)) {
    start_group_exit(task, number);
    return;
  }
  wake_for_signal(*receiver, number == kSigKill);
}

SigInfo info_or_kernel(int number, const SigInfo* info) {
  SigInfo filled = info != nullptr ? *info : SigInfo{.code = kSiKernel};
  filled.number = number;
  return filled;
}

void discard_in_process(Task& task, SigSet unwanted) {
  SignalState& process = *task.signal;
  discard(process.shared_pending, unwanted);
  if ((process.sent_to_threads & unwanted) == 0) [[likely]]
    return;
  for (Task& thread : process.threads) discard(thread.pending, unwanted);
  process.sent_to_threads &= ~unwanted;
}

// With the receiver's sighand lock held.
Result<ParentNotice> send_under_lock(Task& task, int number, const SigInfo* info, Target target,
                                     bool is_forced) {
  if (task.signal->group_exiting) return {};
  ParentNotice notice;
  // Stopping and continuing cancel each other, even when they are blocked or ignored.
  if (bit(number) & kStopSignals) {
    discard_in_process(task, bit(kSigCont));
  } else if (number == kSigCont) {
    discard_in_process(task, kStopSignals);
    notice = continue_process(task);
  }
  if (is_ignored(task, number, is_forced)) return notice;
  if (target == Target::process_of_group) ForkUnderWay::note_group_signal(*task.signal, number);
  PendingSignals& queue = target == Target::thread ? task.pending : task.signal->shared_pending;
  if (number < kSigRtMin && (queue.set & bit(number))) return notice;
  TRY(enqueue(queue, task, info_or_kernel(number, info)));
  if (target == Target::thread) task.signal->sent_to_threads |= bit(number);
  wake_receiver(task, number, target);
  return notice;
}

Result<void> send_locked(Task& task, int number, const SigInfo* info, Target target)
    REQUIRES(task_tree_lock) {
  if (number == 0 || task.exit_state == Task::ExitState::dead) return {};
  // Only the kernel, or a namespace's parent, gets through to an init.
  const bool is_forced = info == nullptr;
  ParentNotice notice;
  {
    IrqGuard guard(task.sighand->lock);
    notice = TRY(send_under_lock(task, number, info, target, is_forced));
  }
  if (notice.code != 0) tell_parent(task, notice);
  return {};
}

}  // namespace

// Blocked signals are kept: the action may have changed by the time they are unblocked.
bool is_ignored(const Task& task, int number, bool is_forced) {
  if (task.blocked & bit(number)) return false;
  const uint64_t handler = task.sighand->handler(number);
  const bool is_uncatchable = bit(number) & kUncatchable;
  if (task.signal->is_unkillable && handler == kDefaultHandler && !(is_forced && is_uncatchable)) {
    return true;
  }
  if (handler == kIgnoreHandler) return true;
  return handler == kDefaultHandler && (bit(number) & kIgnoredByDefault);
}

void wake_for_signal(Task& task, bool is_fatal) {
  task.work.fetch_or(sched::kWorkSignal | (is_fatal ? sched::kWorkFatalSignal : 0u));
  if (!wake_up(task, is_fatal ? WakeMode::fatal : WakeMode::interruptible)) sched::kick(task);
}

void start_group_exit(Task& task, int code) {
  SignalState& process = *task.signal;
  process.group_exiting = true;
  process.group_exit_code = code;
  cancel_stop(process);
  announce(task);
}

Result<void> send_to_task_locked(Task& task, int number, const SigInfo* info) {
  return send_locked(task, number, info, Target::thread);
}

Result<void> send_to_process_locked(Task& task, int number, const SigInfo* info) {
  return send_locked(task, number, info, Target::process);
}

Result<void> send_to_process_locked(Task& task, int number, const SigInfo* info, Reach reach) {
  const Target target = reach == Reach::group ? Target::process_of_group : Target::process;
  return send_locked(task, number, info, target);
}

Result<void> send_to_task(Task& task, int number, const SigInfo* info) {
  IrqGuard tree(task_tree_lock);
  return send_locked(task, number, info, Target::thread);
}

Result<void> send_to_process(Task& task, int number, const SigInfo* info) {
  IrqGuard tree(task_tree_lock);
  return send_locked(task, number, info, Target::process);
}

// Not a few at a time: whoever holds the lock already has more to do under it.
void send_to_group_locked(Pid& group, int number, const SigInfo* info) {
  for (GroupMember& member : group.group_members) {
    auto& process = static_cast<SignalState&>(member);
    (void)send_locked(process.leader(), number, info, Target::process_of_group);
  }
}

void send_to_group(Pid& group, int number, const SigInfo* info) {
  (void)Broadcast(&group, number, info, nullptr).send();
}

namespace {

void force(int number, const SigInfo& info, bool is_fatal) {
  Task& task = current();
  IrqGuard guard(task.sighand->lock);
  const uint64_t handler = task.sighand->handler(number);
  const bool is_blocked = task.blocked & bit(number);
  if (is_fatal || is_blocked || handler == kIgnoreHandler) {
    task.sighand->set_default(number);
    task.blocked &= ~bit(number);
  }
  // Even an init dies of its own faults.
  if (task.sighand->handler(number) == kDefaultHandler) task.signal->is_unkillable = false;
  (void)send_under_lock(task, number, &info, Target::thread, true);
  recalculate_pending(task);
}

}  // namespace

void force_fault(int number, int code, UserAddr address) {
  SigInfo info{.number = number, .code = code};
  info.fault.address = address.value;
  force(number, info, false);
}

void force_fatal(int number) { force(number, SigInfo{.number = number, .code = kSiKernel}, true); }

}  // namespace tine::signal
