// SPDX-License-Identifier: MIT
//
// Task: one thread of execution (Linux: task_struct), and the parts that tasks share or copy.
//
// A Task is built privately by copy_process() (task/clone/) and becomes visible only in publish().
// Fields are grouped by who may touch them. Members die in reverse order of declaration, which is
// the reverse of the order in which copy_process acquires them.
// Life: newborn → running ⇄ asleep/stopped → zombie (exit_notify) → released (wait) → freed when
// the last reference goes: the scheduler holds one until the final switch, the tree one until
// release; and no lookup that may have come by it is under way (sync/reclaim.h).
#pragma once

#include <string_view>

#include "core/list.h"
#include "core/ref.h"
#include "fs/files.h"
#include "fs/fs.h"
#include "mm/mm.h"
#include "sched/sched.h"
#include "sync/hint.h"
#include "sync/wait_queue.h"
#include "task/cred/cred.h"
#include "task/pid/pid.h"
#include "task/process_charge.h"
#include "task/signal/signal.h"
#include "task/task_flags.h"

namespace tine {

struct SignalState;   // task/signal_state.h: what the threads of one process share (signal_struct)
class Namespaces;     // task/namespace/
struct KernelThread;  // task/clone/kthread.h
namespace futex {
struct PiState;       // ipc/pi_futex.h
struct PiWaiter;
}

struct Task final : RefCounted<Task>, sched::Schedulable, Reclaimable {
  static constexpr const char* kCacheName = "task_struct";
  static constexpr size_t kNameLength = 16;

  Task();
  ~Task();
  void last_ref_dropped() { reclaim_later(*this); }

  // --- Fixed before publish; readable by anyone who holds a reference.
  Ref<const Creds> real_creds;  // who acts on us; replaced only by the task itself; others: creds_of
  ProcessCharge charge;         // RLIMIT_NPROC, threads-max
  Ref<fs::FilesTable> files;    // replaced by the task itself; others: alloc_lock
  Ref<fs::FsContext> fs;        // likewise
  Ref<SigHand> sighand;         // replaced by exec alone, under task_tree_lock
  Ref<SignalState> signal;      // of the thread group
  mm::MmUser mm;                // empty: kernel thread, or exited; others: alloc_lock
  Ref<Namespaces> namespaces;
  Ref<Pid> pid;                  // this thread's number; exec may take the leader's, under the lock
                                 // of the tree
  Hint<int> thread_number = 0;   // the pid's in the initial namespace, and the process's: for those
  Hint<int> process_number = 0;  // who do not hold that lock, and after all have been released
  Hint<Task*> group_leader = nullptr;  // itself, or the first thread; lives until that is released
  Hint<int> exit_signal = 0;           // to the parent at the leader's exit; -1: a thread

  // --- The task's own; others read them with care.
  char name[kNameLength] = {};              // comm; guarded by alloc_lock: name_of(), set_name()
  Hint<uint32_t> flags = 0;                 // task/task_flags.h
  UserAddr set_child_tid, clear_child_tid;  // set_tid_address(2), CLONE_CHILD_*
  UserAddr robust_list;
  UserAddr rseq_area;                       // rseq(2); none: no sequence is registered
  uint32_t rseq_length = 0, rseq_signature = 0;
  futex::PiState* pi_held = nullptr;        // PI futexes that it owns; guarded by their one lock
  futex::PiWaiter* pi_blocked_on = nullptr; // likewise
  Completion* vfork_done GUARDED_BY(alloc_lock) = nullptr;  // whom to wake when the mm is released
  KernelThread* kernel_thread = nullptr;                    // a kernel thread's own; on its stack
  Hint<Nanoseconds> start_time = 0;                         // monotonic
  Hint<uint32_t> personality = 0;
  Hint<uint32_t> self_exec_id = 0, parent_exec_id = 0;  // B65: who exec'd is told only by SIGCHLD
  uint64_t timer_slack_ns = 50'000, default_timer_slack_ns = 50'000;
  Hint<uint64_t> read_bytes = 0, written_bytes = 0, read_calls = 0, write_calls = 0;
  Hint<int> parent_death_signal = 0;

  // --- Signals of this thread; guarded by sighand's lock, `blocked` written by the task alone.
  signal::SigSet blocked = 0;
  signal::SigSet saved_blocked = 0;  // valid with kWorkRestoreMask
  signal::SigSet waits_for = 0;      // what sigtimedwait waits for: wakes though blocked
  signal::PendingSignals pending;
  signal::AltStack alternate_stack;
  signal::RestartBlock restart;
  Hint<uint32_t> due_stop = 0;  // the group stop that it was told to take part in; 0: none

  // --- Guarded by task_tree_lock.
  Task* real_parent GUARDED_BY(task_tree_lock) = nullptr;  // getppid; CLONE_PARENT
  Task* parent GUARDED_BY(task_tree_lock) = nullptr;       // who is told: tracer, or real_parent
  ListNode sibling_node;  // in parent's children; thread-group leaders only
  List<Task, &Task::sibling_node> children GUARDED_BY(task_tree_lock);
  ListNode thread_node;  // in signal->threads
  Hint<int> exit_code = 0;  // as wait(2) encodes it; the task's own until zombie
  enum class ExitState : uint8_t { alive, zombie, dead };
  std::atomic<ExitState> exit_state{ExitState::alive};  // written under task_tree_lock

  mutable IrqSpinLock alloc_lock{LockRank::task_alloc};  // a signal from an interrupt asks for creds

  bool is_thread_group_leader() const { return group_leader == this; }
  bool is_kernel_thread() const { return flags & kPfKernelThread; }

  const Creds& creds() const { return *real_creds; }  // the running task's, or a newborn's
  int tid() const { return thread_number; }  // as the initial namespace numbers it
  int tgid() const { return process_number; }
};

inline Task& current() { return *static_cast<Task*>(arch::current_schedulable()); }
inline Task& task_of(sched::Schedulable& s) { return static_cast<Task&>(s); }

// A signal is pending that ends an interruptible sleep.
inline bool signal_pending(const Task& task) {
  return task.work.load(std::memory_order_relaxed) & sched::kWorkSignal;
}
inline bool fatal_signal_pending(const Task& task) {
  return task.work.load(std::memory_order_relaxed) & sched::kWorkFatalSignal;
}

// Parts of another task, with a reference taken under its alloc_lock: /proc, pidfd.
Ref<fs::FilesTable> files_of(Task& task);
Ref<fs::FsContext> fs_context_of(Task& task);
Ref<mm::Mm> mm_of(Task& task);  // a reference, not a user: it may be empty
Ref<const Creds> creds_of(const Task& task);

struct TaskName {
  char text[Task::kNameLength];
  std::string_view view() const { return text; }
};
TaskName name_of(const Task& task);
void set_name(Task& task, std::string_view name);  // cuts it to fit

// For /proc/loadavg, /proc/stat and threads-max (B1, B7).
struct TaskCounts {
  int64_t threads;
  uint64_t total_forks;
  int64_t threads_max;
};
TaskCounts task_counts();
Result<void> set_threads_max(int64_t value);

}  // namespace tine
