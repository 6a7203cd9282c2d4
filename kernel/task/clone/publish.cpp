// SPDX-License-Identifier: MIT
//
// publish: the moment from which a child exists for others. Everything happens under task_tree_lock
// and the caller's sighand lock, so a walker of the tree, a signal to the group or a concurrent
// exit sees all of the child or nothing (B73). The checks at the top can fail; after them nothing
// can, because every list node is embedded.
#include "task/clone/copy_process.h"
#include "fs/tty/terminal.h"
#include "task/signal/broadcast.h"
#include "task/signal/internal.h"
#include "task/signal_state.h"
#include "task/task_statistics.h"

namespace tine {

namespace {

// Who is dying has no more children (G6).
Result<void> check_still_wanted(Task& caller) {
  if (is_doomed(caller)) [[unlikely]]
    signal::wake_for_signal(caller, true);  // who may not have been told yet
  if (fatal_signal_pending(caller)) return Errno::intr;
  if (fail_here()) return Errno::nomem;
  return {};
}

void link_thread(Task& child, Task& caller) REQUIRES(task_tree_lock) {
  SignalState& process = *child.signal;
  child.group_leader = caller.group_leader;
  child.exit_signal = -1;
  child.real_parent = child.parent = caller.real_parent;
  child.parent_exec_id = caller.parent_exec_id;
  process.threads.push_back(child);
  ++process.thread_count;
  process.live_threads.fetch_add(1, std::memory_order_relaxed);
  signal::join_group_stop(child);
}

void link_process(Task& child, Task& caller, const CloneRequest& request) REQUIRES(task_tree_lock) {
  SignalState& process = *child.signal;
  SignalState& old = *caller.signal;
  child.group_leader = &child;
  if (request.has(kCloneParent)) {
    child.real_parent = child.parent = caller.real_parent;
    child.parent_exec_id = caller.parent_exec_id;
    child.exit_signal = caller.group_leader->exit_signal;
  } else {
    child.real_parent = child.parent = &caller;
    child.parent_exec_id = caller.self_exec_id;
    child.exit_signal = request.exit_signal;
  }
  process.threads.push_back(child);
  child.parent->children.push_back(child);

  process.process_group = old.process_group;
  process.session = old.session;
  process.terminal = old.terminal;
  SignalState* forker = caller.tid() != 0 ? &old : nullptr;  // the idle task is in no list (A3)
  process.process_group->attach_to_group(process, forker);
  signal::join_all_processes(process, forker);
  process.session->attach_to_session(process);
}

}  // namespace

Result<Ref<Task>> publish(NascentTask nascent, Task& caller, const CloneRequest& request,
                          PreparedPidfd pidfd, const ForkUnderWay& under_way) {
  Ref<Task> child;
  bool is_to_help;
  {
    IrqGuard tree(task_tree_lock);
    IrqGuard signals(caller.sighand->lock);
    TRY(check_still_wanted(caller));

    child = nascent.release();
    if (request.has(kCloneThread))
      link_thread(*child, caller);
    else
      link_process(*child, caller, request);
    under_way.deliver_to(*child);
    child->pid->attach_task(*child);  // from here on find_task() sees it
    child->ref_get();                 // the tree's; given back by release_task()
    child->ref_get();                 // the scheduler's; given back by task_is_off_cpu()
    is_to_help = signal::is_any_under_way();
  }
  if (is_to_help) [[unlikely]]
    signal::help_broadcasts();
  statistics.total_forks.fetch_add(1, std::memory_order_relaxed);
  pidfd.install();
  return child;
}

}  // namespace tine
