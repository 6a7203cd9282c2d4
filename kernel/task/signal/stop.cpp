// SPDX-License-Identifier: MIT
//
// Job control: stopping all threads of a process, continuing them, and telling the parent (POSIX
// 2.4.3, waitpid(2) WUNTRACED and WCONTINUED).
//
// A stop has an initiator, who is the first to take part and has all others told (announce.cpp);
// each thread stops itself on its way to user mode, the initiator once all are told, and the last
// one completes the stop. SIGCONT and death end it at any point, by counting on: what threads were
// told then means nothing any more. The fields belong to the sighand lock.
#include "task/exit/notify_parent.h"
#include "task/signal/internal.h"
#include "task/wait/wait.h"

namespace tine::signal {

bool begin_group_stop(Task& task, int number) {
  SignalState& process = *task.signal;
  if (process.group_exiting || process.group_exec_task != nullptr) return false;
  const bool is_first = process.group_stop_count == 0;
  take_part_in_stop(task);
  if (is_first) {
    process.group_stop_signal = number;
    announce(task);
  }
  return true;
}

void take_part_in_stop(Task& thread) {
  SignalState& process = *thread.signal;
  if (is_stop_due(thread)) return;
  thread.due_stop = uint32_t{process.stop_number};
  ++process.group_stop_count;
}

void cancel_stop(SignalState& process) {
  ++process.stop_number;
  process.group_stop_count = 0;
}

ParentNotice finish_own_stop(Task& task) {
  SignalState& process = *task.signal;
  if (!is_stop_due(task)) return {};
  task.due_stop = 0;
  if (--process.group_stop_count > 0) return {};
  process.group_stopped = true;
  process.stopped_unreported = true;
  process.continued_unreported = false;
  return {kCldStopped, process.group_stop_signal};
}

ParentNotice continue_process(Task& task) {
  SignalState& process = *task.signal;
  const bool cuts_short = process.group_stop_count > 0;
  if (!cuts_short && !process.group_stopped) return {};
  cancel_stop(process);
  process.group_stopped = false;
  process.stopped_unreported = false;
  process.continued_unreported = true;
  announce(task);
  if (cuts_short) return {kCldStopped, process.group_stop_signal};
  return {kCldContinued, kSigCont};
}

void join_group_stop(Task& child) {
  SignalState& process = *child.signal;
  if (process.group_stop_count == 0 && !process.group_stopped) return;
  take_part_in_stop(child);
  child.work.fetch_or(sched::kWorkSignal);
}

// As on Linux the times are the first thread's own: to add up those of all would take long.
void tell_parent(Task& task, ParentNotice notice) {
  Task& leader = *task.group_leader;
  Task& parent = *leader.parent;
  bool wants_signal;
  {
    IrqGuard guard(parent.sighand->lock);
    const SigAction action = parent.sighand->action(kSigChld);
    wants_signal = action.handler != kIgnoreHandler && !(action.flags & kSaNoChildStop);
  }
  if (wants_signal) {
    SigInfo info = describe_child(leader, usage_of_thread(leader));
    info.code = notice.code;
    info.child.status = notice.status;
    (void)send_to_process_locked(parent, kSigChld, &info);
  }
  wake_waiting_parent(parent);
}

}  // namespace tine::signal
