// SPDX-License-Identifier: MIT
//
// The scheduler's view of a task: what Task inherits, so that sched/ need not know the rest.
//
// `state` is written by the task itself (prepare_to_sleep) and by wakers; the queue fields belong
// to the run queue's lock; `work` bits are set by anyone and cleared by the task on its way to
// user mode. The kernel stack and machine context belong to the architecture.
#pragma once

#include <atomic>

#include "arch/context.h"
#include "core/list.h"
#include "core/types.h"
#include "sched/load_tracking.h"
#include "sync/hint.h"
#include "sync/parking.h"

namespace tine::sched {

class SchedClass;

// Reasons for a task to take the slow way back to user mode (Linux: TIF_*). need_resched is per
// CPU instead, see arch/cpu.h.
enum WorkBit : uint32_t {
  kWorkSignal = 1u << 0,        // a signal may be deliverable
  kWorkFatalSignal = 1u << 1,   // the task is dying: killable sleeps end
  kWorkNotifyResume = 1u << 2,  // task work, rseq
  kWorkSyscallTrace = 1u << 3,
  kWorkRestoreMask = 1u << 4,   // sigsuspend, ppoll, pselect: a saved mask is to be restored
};

inline constexpr int kNoBoost = 140;  // lower than any priority

// SCHED_DEADLINE: `runtime` in each `period`, had within `deadline` of the period's start.
struct DeadlineParameters { Nanoseconds runtime = 0, deadline = 0, period = 0; };

struct Schedulable {
  arch::ThreadContext context;
  std::atomic<uint32_t> work{0};
  std::atomic<TaskState> state{TaskState::newborn};

  // Guarded by the run queue that the task is on, or was on last: the one of `cpu`.
  Hint<bool> on_rq = false;
  std::atomic<bool> on_cpu{false};
  std::atomic<CpuId> cpu{0};
  const SchedClass* sched_class = nullptr;
  Hint<int> policy = 0;         // SCHED_*
  Hint<int> static_prio = 120;  // 100 + 20 + nice
  int normal_prio = 120;        // without inheritance by priority
  Hint<int> prio = 120;         // with it; what the classes go by
  int boost = kNoBoost;         // inherited by priority (PI futexes), as a prio
  Hint<int> rt_priority = 0;    // 1..99 under SCHED_FIFO and SCHED_RR
  Hint<uint32_t> weight = 1024;
  Hint<Nanoseconds> exec_start = 0;
  Hint<Nanoseconds> sum_exec_runtime = 0;
  Hint<Nanoseconds> slice_left = 0;  // of the turn that the task has been granted
  TreeNode run_node;            // in its class's tree, while it waits for the CPU

  // The fair class (fair.cpp).
  Hint<uint64_t> vruntime = 0;
  uint64_t virtual_deadline = 0;
  int64_t lag = 0;              // while off the queue: virtual time owed to the task
  Nanoseconds turn_start = 0;   // sum_exec_runtime when it was given the CPU
  bool is_early = false;        // waits among those that have had more than their share
  TaskLoad load;

  // The deadline class (deadline.cpp).
  DeadlineParameters deadline;
  Hint<Nanoseconds> deadline_at = 0;  // absolute, of the current instance
  bool has_given_up = false;    // what it was promised: it exits, and is promised nothing any more
  bool is_throttled = false;    // its budget (slice_left) is used up until the next period

  Hint<uint64_t> cpus_allowed = ~0ull;
  Hint<bool> reset_on_fork = false;
  Hint<uint16_t> io_priority = 0;  // as ioprio_set(2) took it; nothing here orders I/O by it
  bool has_rseq = false;        // told of each switch away, on its way back to user mode

  // Accounting, written by the task's CPU.
  Hint<Nanoseconds> user_time = 0;
  Hint<Nanoseconds> system_time = 0;
  bool sampled_in_user_mode = true;  // where the last tick found it; time is charged there
  Hint<uint64_t> minor_faults = 0, major_faults = 0;
  Hint<uint64_t> voluntary_switches = 0;
  Hint<uint64_t> involuntary_switches = 0;
  Nanoseconds waits_since = 0;  // when it began to wait for the CPU
  Hint<Nanoseconds> wait_time = 0;  // spent so
  Hint<uint64_t> migrations = 0;
  // wake_cost.cpp: when it first woke somebody since its last sleep (0: nobody yet, or there is but
  // one CPU), and how long after that it slept, on average.
  Nanoseconds first_wake_at = 0;
  Nanoseconds sleeps_after_wake = 0;
  Nanoseconds awake_since = 0;  // run time at its last sleep: RLIMIT_RTTIME counts from there

  // Set once when the task is made.
  VirtAddr kernel_stack;        // lowest usable byte; a guard page lies below
  Hint<void*> mm = nullptr;     // Mm to load when switched to; null: kernel thread, keeps the last

  // Debug builds: ranks of the sleeping locks this task holds.
  uint32_t mutex_ranks_held = 0;
  uint16_t mutex_ranks[16] = {};
};

// Half as much again as any call chain is known to need (docs/process-memory.md); interrupts have a
// stack of their own.
inline constexpr uint64_t kKernelStackSize = 8 * 1024;

}  // namespace tine::sched
