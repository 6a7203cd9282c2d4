// SPDX-License-Identifier: MIT
//
// The run queue of a CPU, internal to sched/. Its lock guards everything in it, and the scheduling
// fields and the state changes of the tasks whose `cpu` it is. It is held, with interrupts off,
// across a switch: the task that is switched to releases it (finish_switch).
//
// A task is moved to another CPU by writing its `cpu` under the old queue's lock, with the task on
// no queue; from then on the new queue's lock is the one that counts. A second run queue is locked
// only by try_lock (balance.cpp). Per-CPU counts may be read without the lock, as hints.
#pragma once

#include "arch/cpu.h"
#include "sched/sched.h"
#include "sched/sched_class.h"
#include "sched/schedulable.h"
#include "sched/task_tree.h"
#include "sync/hint.h"
#include "sync/spin_lock.h"

namespace tine::sched {

inline constexpr int kStopPrio = -2;
inline constexpr int kDeadlinePrio = -1;
inline constexpr int kIdlePrio = 200;                // below every task's
inline constexpr Nanoseconds kTick = 4'000'000;
// What a fair task runs at least after a sleep before a wake-up takes the CPU from it, and in a
// turn before a tick does. While somebody waits for that, ticks come as often.
inline constexpr Nanoseconds kMinimumTurn = 750'000;

// Times on a CPU's virtual clock may wrap: they are compared by their difference.
inline bool is_before(uint64_t a, uint64_t b) { return static_cast<int64_t>(a - b) < 0; }

struct ByVirtualRuntime {
  bool operator()(const Schedulable& a, const Schedulable& b) const {
    return is_before(a.vruntime, b.vruntime);
  }
};
struct ByVirtualDeadline {
  bool operator()(const Schedulable& a, const Schedulable& b) const {
    return is_before(a.virtual_deadline, b.virtual_deadline);
  }
};
struct ByPriority {  // highest first; equals stay in the order in which they came
  bool operator()(const Schedulable& a, const Schedulable& b) const { return a.prio < b.prio; }
};
struct ByDeadlineTime {
  bool operator()(const Schedulable& a, const Schedulable& b) const {
    return a.deadline_at < b.deadline_at;
  }
};
struct ByReplenishment {  // when the next period of a throttled task begins
  bool operator()(const Schedulable& a, const Schedulable& b) const {
    return time_of(a) < time_of(b);
  }
  static Nanoseconds time_of(const Schedulable& task) {
    return task.deadline_at - task.deadline.deadline + task.deadline.period;
  }
};

struct FairQueue {
  // Those that wait. Virtual time goes on, so where a task stands was true when it was looked at
  // last; it moves over when it is looked at again (peek).
  TaskTree<ByVirtualDeadline> eligible;
  TaskTree<ByVirtualRuntime> early;    // had more than their share
  Hint<uint32_t> count = 0;            // with the running task, like the sums
  Hint<uint64_t> total_weight = 0;
  uint64_t zero = 0;                   // virtual times are summed as distances to this one
  int64_t weighted_offset = 0;
  const Schedulable* yielded_to = nullptr;  // runs next, although it may be early; only compared
  // What makes V comparable with other CPUs': V + shift is this CPU's progress (balance.cpp).
  uint64_t shift = 0;
  bool has_idled = true;               // since they were compared last; always if nobody is here
  bool is_anyone_waiting() const { return !eligible.empty() || !early.empty(); }
};

struct RealtimeQueue {
  TaskTree<ByPriority> waiting;
  uint32_t count = 0;                  // with the running task
  Nanoseconds period_start = 0;        // of the bandwidth limit
  Nanoseconds used = 0;                // in this period
};

struct DeadlineQueue {
  TaskTree<ByDeadlineTime> waiting;
  TaskTree<ByReplenishment> throttled;
  uint32_t ready = 0;                  // waiting or running, not throttled
};

struct RunQueue {
  mutable IrqSpinLock lock{LockRank::run_queue};
  Schedulable* current = nullptr;
  Schedulable* idle = nullptr;  // null: this CPU does not schedule yet
  std::atomic<Schedulable*> stop{nullptr};  // its stop task, if it has one; set once
  CpuId cpu = 0;
  Hint<uint32_t> runnable = 0;  // tasks, running or waiting, without the idle task
  Nanoseconds now = 0;          // when the running task was charged last
  Nanoseconds tick_at = kNever; // for when the tick is armed
  bool reschedule_sent = false; // an interrupt is on its way to this CPU
  // Whom unlock() has to send one: this CPU, or one that can take what waits here. kMaxCpus: nobody.
  CpuId interrupt_for = kMaxCpus;
  // finish_switch() has: an interrupt to send, or a dead task, who says so before the lock is taken.
  Hint<bool> has_more_to_finish = false;
  bool stop_ready = false;      // the stop task is runnable
  // Hints for others, who do not lock: what runs here, the first real-time or deadline task that
  // waits, and how often an interrupt was taken.
  std::atomic<int> running_prio{kIdlePrio};
  std::atomic<Nanoseconds> running_deadline{0};  // if it is a deadline task
  std::atomic<int> waiting_prio{kIdlePrio};
  std::atomic<Nanoseconds> waiting_deadline{0};
  std::atomic<uint64_t> barriers{0};
  std::atomic<bool> idle_polls{false};  // it is idle and watches poll_wake
  std::atomic<bool> poll_wake{false};
  Nanoseconds asked_at = 0;  // when the interrupt was asked for that ends its idling; 0: none was
  std::atomic<Nanoseconds> start_cost{0};  // from there to the task's start, on average
  FairQueue fair;
  RealtimeQueue realtime;
  DeadlineQueue deadline;
  CpuLoad load;
  Hint<uint64_t> progress = 0;  // of the fair class, noted when this CPU balanced last; a hint
  Nanoseconds next_balance = 0;

  uint64_t passes = 0;          // through schedule_core(): no lookup goes on across one
  CpuStatistics statistics{};
  uint64_t reschedule_interrupts = 0;  // sent to this CPU
  Hint<int64_t> blocked = 0;  // tasks counted where they fell asleep: only the sum has a meaning
  CpuTimes times{};
};

// Storage only: init_this_cpu() makes the CPU's run queue in its place, since the kernel runs no
// constructors before main.
extern RunQueue* const run_queues;

inline RunQueue& this_run_queue() { return run_queues[arch::this_cpu().id]; }

// Locks the run queue that the task belongs to. Interrupts must be off. The analysis cannot name the
// lock of what is returned, so callers assert it.
RunQueue& lock_run_queue_of(const Schedulable& task) NO_THREAD_SAFETY_ANALYSIS;

// Whether a task that sleeps so counts for the load average: a program's, that is. Threads of the
// kernel sleep so when they have nothing to do.
inline bool counts_as_blocked(const Schedulable& task, TaskState state) {
  return state == TaskState::uninterruptible && task.mm != nullptr;
}

// Unlocks, and only then sends the interrupt that may have been asked for: sending one takes long
// where the machine is emulated, and the CPU that gets it wants this lock at once.
inline void unlock(RunQueue& rq) RELEASE(rq.lock) {
  const CpuId target = rq.interrupt_for;
  if (target == kMaxCpus) [[likely]]
    return rq.lock.unlock_irqs_off();
  rq.interrupt_for = kMaxCpus;
  rq.lock.unlock_irqs_off();
  arch::send_reschedule_interrupt(target);
}

// Charges the running task up to `now`.
void update_current(RunQueue& rq, Nanoseconds now) REQUIRES(rq.lock);
void activate(RunQueue& rq, Schedulable& task, EnqueueReason reason) REQUIRES(rq.lock);
void deactivate(RunQueue& rq, Schedulable& task) REQUIRES(rq.lock);
// The CPU of `rq` is to pick again soon. At most one interrupt is sent for it, by unlock(), and none
// to a CPU that polls (E96-E98).
void reschedule(RunQueue& rq) REQUIRES(rq.lock);
// Reschedules if `task`, which waits, beats the running one (E93). A fair child does not beat its
// parent: what fork is to return to goes on, and the child has its turn.
void check_preemption(RunQueue& rq, Schedulable& task, EnqueueReason reason) REQUIRES(rq.lock);
// The class that the next task is of.
const SchedClass& best_class(const RunQueue& rq) REQUIRES(rq.lock);
// Makes a task that is on no queue, and whose `cpu` has been set, runnable there. Interrupts off.
void enqueue_where_assigned(Schedulable& task, EnqueueReason reason);
void update_load_average(Nanoseconds now);

// --- balance.cpp: which CPU.
extern std::atomic<CpuId> cpus_online;
inline bool has_one_cpu() { return cpus_online.load(std::memory_order_relaxed) == 1; }
inline uint64_t all_cpus() {
  CpuId count = cpu_count();
  return count >= 64 ? ~0ull : (1ull << count) - 1;
}
inline bool may_run_on(const Schedulable& task, CpuId cpu) { return task.cpus_allowed >> cpu & 1; }
enum class Placement : uint8_t { wake_up, fork, forbidden };
CpuId select_among_cpus(const Schedulable& task, Placement why);
inline CpuId select_cpu(const Schedulable& task, Placement why) {
  return has_one_cpu() ? 0 : select_among_cpus(task, why);
}
// The CPU is about to idle, or to run something lesser than what waits elsewhere: takes a task from
// another CPU if one waits there.
bool pull_for_switch(RunQueue& rq, const Schedulable& next) REQUIRES(rq.lock);
// The task will wait here for now. If it is a real-time or deadline task, the CPU that runs what is
// least urgent is told to come for it.
void offer_to_others(RunQueue& rq, const Schedulable& task) REQUIRES(rq.lock);
void periodic_balance(RunQueue& rq, Nanoseconds now) REQUIRES(rq.lock);
// A tick has found tasks that wait here: a CPU that could take one, if there is one, is told to.
void offer_waiting(RunQueue& rq) REQUIRES(rq.lock);
// Keeps what others see of the real-time and deadline tasks that wait here.
void note_waiting_realtime(RunQueue& rq) REQUIRES(rq.lock);

// --- wake_cost.cpp: what it costs to have another CPU run a task.
// Asked for each wake-up or fork for which `idle` is the other choice: whether the running task is
// likely to leave this CPU to the woken one before `idle` would have begun with it. Interrupts off.
bool waker_sleeps_sooner(CpuId idle);
void note_sleep_after_wake(Schedulable& task, Nanoseconds now);  // first_wake_at is set
void note_start_from_idle(RunQueue& rq, Nanoseconds taken) REQUIRES(rq.lock);

// --- deadline.cpp
void replenish_deadline_tasks(RunQueue& rq, Nanoseconds now) REQUIRES(rq.lock);
// --- realtime.cpp: whether the real-time class has to leave some time to the fair one.
bool is_realtime_throttled(const RunQueue& rq);

// --- fair.cpp
// V - v of a task that is there.
int64_t lag_of(const FairQueue& fair, const Schedulable& task);
// V + shift; somebody has to be there.
uint64_t progress_of(const RunQueue& rq) REQUIRES(rq.lock);
void inherit_lag(const RunQueue& rq, Schedulable& child, const Schedulable& parent)
    REQUIRES(rq.lock);
// The running task, not alone here, pays what another one of `weight` owed when it died: `lag`, below 0.
void pay_for(RunQueue& rq, int64_t lag, uint32_t weight, Nanoseconds dead_for) REQUIRES(rq.lock);
uint32_t weight_of_nice(int nice);
// --- policy.cpp: the share of a deadline task that ends can be promised to others.
void give_up_bandwidth(Schedulable& task);  // under its run queue's lock; at exit
// Policy, priorities, class and weight, from policy, rt_priority and static_prio. Not queued.
void apply_policy(Schedulable& task, int policy, int rt_priority, int nice);

}  // namespace tine::sched
