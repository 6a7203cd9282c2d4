// SPDX-License-Identifier: MIT
//
// A process's timers: the three of setitimer(2) and those of timer_create(2). Made when the first is
// used, owned by SignalState, not inherited by fork; exec keeps the former and deletes the latter.
//
// The state is guarded by `lock`, under which only a CPU's timer lock is taken; callbacks run from
// the timer interrupt and send signals with it dropped. CPU-time timers poll: a process cannot use CPU time
// faster than the CPUs together pass, so the timer sleeps for the part that is left and looks again.
#pragma once

#include "mm/heap.h"
#include "sched/timer.h"
#include "sync/hint.h"
#include "sync/spin_lock.h"
#include "task/signal_state.h"

namespace tine {

enum class TimerClock : uint8_t { monotonic, realtime, process_user_time, process_cpu_time };

// One timer that sends a signal to its process, or to one of its threads.
struct SignalTimer : time::Timer {
  explicit SignalTimer(SignalState& p, TimerClock c);
  SignalState& process;
  TimerClock clock;
  int signal = 0;              // 0: sends none (SIGEV_NONE)
  int id = -1;                 // timer_create's; -1: an interval timer
  uint64_t value = 0;          // for siginfo
  Ref<Task> thread;            // SIGEV_THREAD_ID; null: the process
  std::atomic<int> overrun{0}; // periods that passed since the signal that was sent last
  // Guarded by IntervalTimers::lock.
  Nanoseconds expiry = kNever; // on `clock`; kNever: disarmed
  Nanoseconds interval = 0;    // 0: once
  Hint<int> taken_overrun = 0; // `overrun` when that signal was taken
  bool deleted = false;        // and never to be armed again
};

struct TimerSetting { Nanoseconds interval = 0, remaining = 0; };  // remaining 0: disarmed

// The process's list holds one reference, a system call that uses the timer another.
struct PosixTimer : RefCounted<PosixTimer> {
  static constexpr const char* kCacheName = "posix_timer";
  PosixTimer(SignalState& process, TimerClock clock) : timer(process, clock) {}
  SignalTimer timer;
  Ref<PosixTimer> next;        // in the process's list
};

struct IntervalTimers : HeapAllocated {
  static constexpr const char* kCacheName = "interval_timers";
  explicit IntervalTimers(SignalState& process);
  ~IntervalTimers();           // stops and deletes all

  IrqSpinLock lock{LockRank::process_timers};
  SignalTimer interval[3];     // ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF
  Ref<PosixTimer> first GUARDED_BY(lock);
  int next_id GUARDED_BY(lock) = 0;
};

// Of the running task's process, made if need be. ENOMEM.
Result<IntervalTimers*> interval_timers();
TimerSetting get_timer(IntervalTimers& timers, SignalTimer& timer);
// `first` is on the timer's clock; kNever disarms. Returns the old setting.
TimerSetting set_timer(IntervalTimers& timers, SignalTimer& timer, Nanoseconds first,
                       Nanoseconds interval);
Nanoseconds read_timer_clock(const SignalTimer& timer);

// timer_create(2)'s timers, by id; EINVAL: there is none of that id. A timer that another thread
// deletes meanwhile can still be set, to no effect.
Result<int> add_posix_timer(IntervalTimers& timers, Ref<PosixTimer> timer);
Result<Ref<PosixTimer>> find_posix_timer(int id);
Result<void> delete_posix_timer(int id);
// The process has taken the signal of one of its timers: counts the periods that passed since it
// was sent, for siginfo and timer_getoverrun(2). With the sighand lock held.
void note_signal_taken(SignalState& process, signal::SigInfo& info);

// When the process's last thread exits: ~SignalState may be too late, the callback needs the leader.
void delete_all_timers(SignalState& process);
void delete_posix_timers(SignalState& process);  // exec

}  // namespace tine
