// SPDX-License-Identifier: MIT
//
// The run queue of a CPU, internal to sched/. Its lock guards everything in it, and the scheduling
// fields and the state changes of the tasks whose `cpu` it is. It is held, with interrupts off,
// across a switch: the task that is switched to releases it (finish_switch).
//
// Whoever moves a task to another CPU locks one run queue at a time, with the task off both in
// between. Per-CPU counts may be read without the lock, as hints.
#pragma once

#include "arch/cpu.h"
#include "core/list.h"
#include "sched/sched.h"
#include "sched/sched_class.h"
#include "sched/schedulable.h"
#include "sync/spin_lock.h"

namespace tine::sched {

inline constexpr Nanoseconds kTick = 4'000'000;
inline constexpr Nanoseconds kSlice = 4'000'000;     // what a task may run while equals wait

struct ByVirtualRuntime {
  bool operator()(const Schedulable& a, const Schedulable& b) const {
    return static_cast<int64_t>(a.vruntime - b.vruntime) < 0;
  }
};
struct ByRealtimePriority {  // highest first; equals stay in the order in which they came
  bool operator()(const Schedulable& a, const Schedulable& b) const {
    return a.rt_priority > b.rt_priority;
  }
};
template <class Order>
using TaskTree =
    bi::multiset<Schedulable, bi::member_hook<Schedulable, TreeNode, &Schedulable::run_node>,
                 bi::compare<Order>, bi::constant_time_size<false>>;

struct FairQueue {
  TaskTree<ByVirtualRuntime> waiting;  // without the running task
  uint32_t count = 0;                  // with it
  uint64_t min_vruntime = 0;           // never goes back; where newcomers are placed
};

struct RealtimeQueue {
  TaskTree<ByRealtimePriority> waiting;
  uint32_t count = 0;
};

struct RunQueue {
  mutable IrqSpinLock lock{LockRank::run_queue};
  Schedulable* current = nullptr;
  Schedulable* idle = nullptr;  // null: this CPU does not schedule yet
  CpuId cpu = 0;
  uint32_t runnable = 0;        // tasks, running or waiting, without the idle task
  bool tick_pending = false;
  bool reschedule_sent = false; // an interrupt is on its way to this CPU
  FairQueue fair;
  RealtimeQueue realtime;

  uint64_t switches = 0;
  int64_t uninterruptible = 0;  // counted where they fell asleep: only the sum has a meaning
  CpuTimes times{};
};

// Storage only: init_this_cpu() makes the CPU's run queue in its place, since the kernel runs no
// constructors before main.
extern RunQueue* const run_queues;

inline RunQueue& this_run_queue() { return run_queues[arch::this_cpu().id]; }

// Locks the run queue that the task belongs to. Interrupts must be off.
RunQueue& lock_run_queue_of(const Schedulable& task) NO_THREAD_SAFETY_ANALYSIS;

// Charges the running task up to `now`.
void update_current(RunQueue& rq, Nanoseconds now) REQUIRES(rq.lock);
void activate(RunQueue& rq, Schedulable& task, EnqueueReason reason) REQUIRES(rq.lock);
void deactivate(RunQueue& rq, Schedulable& task) REQUIRES(rq.lock);
// The CPU of `rq` is to pick again soon. At most one interrupt is sent for it (E96).
void reschedule(RunQueue& rq) REQUIRES(rq.lock);
// Reschedules if `task`, which waits, beats the running one (E93).
void check_preemption(RunQueue& rq, Schedulable& task) REQUIRES(rq.lock);
// The CPU on which a task that was forked or woken should run: an allowed one, idle if possible.
CpuId select_cpu(const Schedulable& task, bool is_new);
void update_load_average(Nanoseconds now);

uint32_t weight_of_nice(int nice);
// Policy, priorities, class and weight, from policy, rt_priority and static_prio. Not queued.
void apply_policy(Schedulable& task, int policy, int rt_priority, int nice);

}  // namespace tine::sched
