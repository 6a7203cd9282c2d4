// SPDX-License-Identifier: MIT
//
// do_exit: a task gives back its parts one after another, tells its parent, and leaves the CPU for
// good. Nothing here can fail, and nothing after exit_notify() may use what a parent can release.
//
// Once kPfExiting is set, signals to the process go to other threads. The task sleeps on the way
// (closing files, tearing down memory), so all of it happens before it becomes a zombie.
#include "task/exit/exit.h"

#include <algorithm>
#include <utility>

#include "core/format.h"
#include "core/panic.h"
#include "fs/files_table.h"
#include "fs/fs_context.h"
#include "fs/tty/terminal.h"
#include "ipc/futex.h"
#include "task/boot_tasks.h"
#include "task/exit/notify_parent.h"
#include "task/exit/release.h"
#include "task/exit/reparent.h"
#include "task/pid/process_group.h"
#include "task/signal/internal.h"
#include "task/timer/interval_timers.h"
#include "task/wait/wait.h"

namespace tine {

namespace {

// From here on the thread takes no signals: those of the process go to others, and a stop under way
// does not wait for it.
void begin_exit(Task& task) {
  signal::ParentNotice notice;
  {
    IrqGuard guard(task.sighand->lock);
    task.flags |= kPfExiting;
    if (task.signal->thread_count > 1 && !task.signal->group_exiting) {
      signal::retarget_at_exit(task);
    }
    notice = signal::finish_own_stop(task);
  }
  if (notice.code != 0) {
    IrqGuard tree(task_tree_lock);
    signal::tell_parent(task, notice);
  }
}

// init's death leaves nobody to reap, restart or shut down: the machine cannot go on.
void refuse_death_of_init(const Task& task, int code) {
  if (task.signal.get() != &init_process()) return;
  static char message[64];
  const size_t length = format_to(std::span(message).first(sizeof message - 1),
                                  "Attempted to kill init! exitcode=0x{:08x}", code);
  message[length] = 0;
  panic(message);
}

void exit_mm(Task& task) {
  if (!task.mm) return;
  futex::exit_robust_list(task);
  futex::exit_pi_states(task);
  mm_release(task);
  mm::MmUser left;  // dropped last, outside of the lock: tearing memory down may sleep
  note_peak_rss(task);
  IrqGuard guard(task.alloc_lock);
  left = std::move(task.mm);
  task.Schedulable::mm = nullptr;
}

void exit_files_and_fs(Task& task) {
  Ref<fs::FilesTable> files;
  Ref<fs::FsContext> context;
  IrqGuard guard(task.alloc_lock);
  files = std::move(task.files);
  context = std::move(task.fs);
}

// Decides whether the task waits as a zombie for its parent, or is released at once.
bool becomes_dead_at_once(Task& task) REQUIRES(task_tree_lock) {
  if (!task.is_thread_group_leader()) return true;
  if (task.signal->thread_count > 1) return false;  // the last thread will tell the parent
  return notify_parent_of_exit(task, task.exit_signal);
}

// A leader that died while one of its threads exec's: that thread takes its place (G10). Under the
// lock in which it gives the wait up.
void wake_exec(Task& leader) {
  const SignalState& process = *leader.signal;
  IrqGuard guard(leader.sighand->lock);
  if (process.exec_waits_for < 0) (void)wake_up(*process.group_exec_task);
}

// With the lock in which its last child has gone.
void become_zombie(Task& task, bool is_last_thread, ReleasedTasks& released)
    REQUIRES(task_tree_lock) {
  if (is_last_thread) hang_up_orphaned_group_locked(*task.group_leader, nullptr);

  task.exit_state = Task::ExitState::zombie;
  const bool is_dead = becomes_dead_at_once(task);
  task.pid->exit_waiters.wake_all();
  if (task.is_thread_group_leader()) wake_exec(task);
  if (is_dead) {
    task.exit_state = Task::ExitState::dead;
    released.unlink(task);
  }
}

void exit_notify(Task& task, bool is_last_thread) {
  ReleasedTasks released;
  for (bool is_childless = false; !is_childless;) {
    IrqGuard tree(task_tree_lock);
    is_childless = reparent_some_children(task, released);
    if (is_childless) become_zombie(task, is_last_thread, released);
  }
}

}  // namespace

void mm_release(Task& task) {
  if (task.clear_child_tid.value != 0) {
    // Only if somebody is left to see it; a bad address is the program's own fault.
    if (task.mm && task.mm->users.load(std::memory_order_relaxed) > 1) {
      (void)UserOut<int>(task.clear_child_tid).write(0);
      futex::wake_shared(task.clear_child_tid, 1);
    }
    task.clear_child_tid = UserAddr();
  }
  Completion* vfork;
  {
    IrqGuard guard(task.alloc_lock);
    vfork = std::exchange(task.vfork_done, nullptr);
  }
  if (vfork != nullptr) vfork->complete();
}

void do_exit(int code) {
  Task& task = current();
  TINE_ASSERT(!(task.flags & kPfExiting));
  begin_exit(task);
  const bool is_last_thread =
      task.signal->live_threads.fetch_sub(1, std::memory_order_acq_rel) == 1;
  if (is_last_thread) {
    refuse_death_of_init(task, task.signal->group_exiting ? task.signal->group_exit_code : code);
    delete_all_timers(*task.signal);
  }
  task.exit_code = code;
  exit_mm(task);
  exit_files_and_fs(task);
  if (is_last_thread && task.signal->is_session_leader) tty::release_controlling_terminal();
  sched::sched_exit(task);
  exit_notify(task, is_last_thread);
  sched::schedule_dead();
}

void do_group_exit(int code) {
  Task& task = current();
  bool others_are_told = true;
  {
    IrqGuard guard(task.sighand->lock);
    SignalState& process = *task.signal;
    if (process.group_exiting) {
      code = process.group_exit_code;
    } else if (process.group_exec_task != nullptr && process.group_exec_task != &task) {
      code = 0;
    } else if (process.thread_count == 1) {
      process.group_exiting = true;
      process.group_exit_code = code;
    } else {
      signal::start_group_exit(task, code);
    }
    others_are_told = process.next_to_tell == nullptr;
  }
  if (!others_are_told) signal::announce_to_rest(task);
  do_exit(code);
}

// After the last switch away from a dead task: nobody uses its stack any more.
void sched::task_is_off_cpu(Schedulable& dead) {
  Task& task = task_of(dead);
  arch::release_context(task);
  mm::free_kernel_stack(std::exchange(task.kernel_stack, VirtAddr()));
  task.ref_put();
}

}  // namespace tine
