// SPDX-License-Identifier: MIT
//
// What the files of task/signal/ and task/exit/ share: the steps of sending and stopping that are
// done under a receiver's sighand lock. Nobody else includes this.
#pragma once

#include "task/signal/queue.h"
#include "task/signal_state.h"
#include "task/task.h"

namespace tine::signal {

// What has to be told to the parent once the sighand lock has been released; the parent's is of the
// same rank.
struct ParentNotice {
  int code = 0;    // as in siginfo: kCldStopped or kCldContinued; 0: there is nothing to tell
  int status = 0;  // the signal that did it
};

// How many a signal is for: the process itself, or all of a group, which a fork must not miss.
enum class Reach : uint8_t { process, group };
Result<void> send_to_process_locked(Task& task, int number, const SigInfo* info, Reach reach)
    REQUIRES(task_tree_lock);

// All with task.sighand->lock held.
ParentNotice continue_process(Task& task);  // SIGCONT: wakes and forgets stops
// Called by the running task; announce_to_rest() follows. False: the process is dying instead.
bool begin_group_stop(Task& task, int number);
ParentNotice finish_own_stop(Task& task);     // nothing, unless the task was the last to stop
void join_group_stop(Task& child);            // a thread born into a stopping process
void take_part_in_stop(Task& thread);         // if it does not yet
void cancel_stop(SignalState& process);       // whoever has not stopped yet need not
void start_group_exit(Task& task, int code);  // all threads of the process are to die
void wake_for_signal(Task& task, bool is_fatal);
bool is_ignored(const Task& task, int number, bool is_forced);
void retarget_at_exit(Task& task);  // others take what only this thread would have

// Tells the threads of the process what is so now (announce.cpp): that it ends, that one of them
// exec's, that it stops or goes on. The running task, if it is one of them, and the first few know
// at once, the rest soon after. With task.sighand->lock held.
void announce(Task& task);
// The running task's process is done with on return. The sighand lock is not held.
void announce_to_rest(Task& task);
void leave_announcement(Task& thread);  // it leaves the list of threads; as announce()

// Stops or continues are reported as sigaction(2) says (SA_NOCLDSTOP).
void tell_parent(Task& task, ParentNotice notice) REQUIRES(task_tree_lock);

}  // namespace tine::signal
