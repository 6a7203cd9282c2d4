// SPDX-License-Identifier: MIT
//
// The scheduler's interface to the rest of the kernel.
#pragma once

#include "core/result.h"
#include "sched/schedulable.h"

namespace tine::sched {

// Makes the running context this CPU's idle task. Interrupts off.
void init_this_cpu(Schedulable& idle_task);
// What the idle task does: runs others, else waits for interrupts.
[[noreturn]] void idle_loop();

// Voluntary switch: the running task has set its state. Returns when it is picked again.
void schedule();
// sched_yield(2).
void yield();

// fork's part (E-5). Gives `child` the caller's policy and priority, resets its accounting, and
// shares the caller's slice with it. EAGAIN: a deadline task may not fork.
Result<void> sched_fork(Schedulable& child, Schedulable& caller);
void sched_cancel_fork(Schedulable& child);     // undoes sched_fork for a child never published
void wake_up_new_task(Schedulable& child);      // E-8; the child's first enqueue
void sched_exit(Schedulable& task);             // the task will not run again
// The caller reaps a child, and pays for the CPU time that it had beyond its share (B71). Interrupts
// are off.
void sched_reap(const Schedulable& child);
// The last switch of a dying task; its stack is given back after the switch.
[[noreturn]] void schedule_dead();
// Called by the architecture on the first switch to a new task: finishes `previous` off.
// Interrupts are off and stay off.
void schedule_tail(Schedulable* previous);
// A task that runs in user mode on another CPU enters the kernel, and finds its work bits there.
// The caller has set them with a full barrier.
void kick(const Schedulable& task);
// After the final switch away from a dead task the scheduler calls this with run queue unlocked.
// Defined by task/ (drops the scheduler's reference).
void task_is_off_cpu(Schedulable& task);

// From the architecture: another CPU has sent arch::send_reschedule_interrupt(). Interrupts off.
void reschedule_interrupt();
// A tick has found the task running: limits on CPU time. Interrupts off. Defined by task/.
void task_tick(Schedulable& task);
// From the timer interrupt (sched/timer.cpp), interrupts off.
void scheduler_tick(Nanoseconds now, bool user_mode);
// Brings the running task's run time, user_time and system_time up to date, before they are read.
// Entry code measures nothing: time counts as user or system by where the last tick found the task.
void charge_current_time();

// When it fell asleep; kNever: it has not. Read without the run queue's lock: it may be waking.
inline Nanoseconds asleep_since(const Schedulable& task) {
  const bool is_awake = task.on_rq ||
                        task.on_cpu.load(std::memory_order_relaxed) ||
                        task.state.load(std::memory_order_relaxed) == TaskState::newborn;
  return is_awake ? kNever : Nanoseconds{task.exec_start};
}

void set_nice(Schedulable& task, int nice);
inline int nice_of(const Schedulable& task) { return task.static_prio - 120; }

inline constexpr Nanoseconds kSlice = 4'000'000;  // what a task may run while equals wait

// SCHED_*, as sched_setscheduler(2) takes them.
enum Policy : int {
  kPolicyNormal = 0, kPolicyFifo = 1, kPolicyRoundRobin = 2, kPolicyBatch = 3, kPolicyIdle = 5,
  kPolicyDeadline = 6,
};
inline bool is_fair_policy(int policy) {
  return policy == kPolicyNormal || policy == kPolicyBatch || policy == kPolicyIdle;
}
inline bool is_realtime_policy(int policy) {
  return policy == kPolicyFifo || policy == kPolicyRoundRobin;
}
struct Parameters {
  int policy;
  int rt_priority;
  int nice;
  bool reset_on_fork;
  DeadlineParameters deadline = {};
};
// EINVAL: no such policy, or values that it does not have.
Result<void> validate(const Parameters& parameters);
// Also EBUSY: the CPUs have not so much time left to promise; EPERM: a deadline task that may not
// use all CPUs. Whether the caller may is the caller's to check.
Result<void> set_parameters(Schedulable& task, const Parameters& parameters);
// What a task inherits from those that wait for it (PI futexes), as a prio; kNoBoost: nothing.
void set_inherited_priority(Schedulable& task, int prio);
DeadlineParameters deadline_of(const Schedulable& task);
Nanoseconds round_robin_interval(const Schedulable& task);

CpuId cpu_count();                                // CPUs that schedule; their ids are 0..count-1
// On return the task runs on none but these. EINVAL: no CPU that runs is in the set; EBUSY: a
// deadline task. May sleep.
Result<void> set_affinity(Schedulable& task, uint64_t cpus);
void balance_at_exec();                           // may move the running task; sleeps

struct LoadSnapshot {
  uint64_t running, blocked, total_switches;
  uint64_t load_average[3];                       // 2^11 fixed point
};
LoadSnapshot load_snapshot();
struct CpuTimes { Nanoseconds user, nice, system, idle, irq; };
CpuTimes cpu_times(CpuId cpu);
// What happened on a CPU; /proc/schedstat. Read without its lock: each figure is true by itself.
struct CpuStatistics {
  Hint<uint64_t> switches, yields;
  Hint<uint64_t> wake_ups, local_wake_ups;        // by this CPU; of these, of tasks that stay here
  Hint<Nanoseconds> wait_time;                    // of tasks that waited to run here
};
const CpuStatistics& cpu_statistics(CpuId cpu);

}  // namespace tine::sched
