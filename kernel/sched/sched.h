// SPDX-License-Identifier: MIT
//
// The scheduler's interface to the rest of the kernel.
#pragma once

#include "core/result.h"
#include "sched/schedulable.h"

namespace tine::sched {

void init_this_cpu(Schedulable& idle_task);

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
// The last switch of a dying task; its stack is given back after the switch.
[[noreturn]] void schedule_dead();
// Called by the architecture on the first switch to a new task: finishes `previous` off.
void schedule_tail(Schedulable* previous);
// After the final switch away from a dead task the scheduler calls this with run queue unlocked.
// Defined by task/ (drops the scheduler's reference).
void task_is_off_cpu(Schedulable& task);

// Every timer tick or timer interrupt, interrupts off.
void scheduler_tick(Nanoseconds now, bool user_mode);
// Charges time up to now to the running task as user or system time; entry code does not call it:
// it is sampled at ticks and at switches, as Linux's tick accounting is.
void charge_time(Schedulable& task, Nanoseconds now, bool user_mode);

void set_nice(Schedulable& task, int nice);
int nice_of(const Schedulable& task);

struct LoadSnapshot { uint64_t running; uint64_t total_switches; uint64_t load_average[3]; /* 2^11 fixed point */ };
LoadSnapshot load_snapshot();
struct CpuTimes { Nanoseconds user, nice, system, idle, irq; };
CpuTimes cpu_times(CpuId cpu);

}  // namespace tine::sched
