// SPDX-License-Identifier: MIT
//
// CPU-time clocks: sums over a process's threads under task_tree_lock, and the decoding of the
// clock numbers by which another task's clock is named: ~pid in the upper bits, bit 2 for a
// thread's, and in the lower two which time is meant.
#include "task/timer/cpu_clock.h"

#include "sched/sched.h"
#include "task/pid/pid.h"

namespace tine {
namespace {

constexpr int kClockProcess = 2, kClockThread = 3;
enum TimeKind : int { kAllTime = 0, kUserTime = 1, kScheduledTime = 2 };

Nanoseconds pick(const CpuTime& time, int kind) {
  return kind == kUserTime ? time.user : time.total();
}

}  // namespace

CpuTime process_cpu_time_locked(SignalState& process) {
  CpuTime sum{process.dead_threads.user_time, process.dead_threads.system_time};
  for (const Task& thread : process.threads) {
    sum.user += thread.user_time;
    sum.system += thread.system_time;
  }
  return sum;
}

CpuTime process_cpu_time(SignalState& process) {
  sched::charge_current_time();
  IrqGuard guard(task_tree_lock);
  return process_cpu_time_locked(process);
}

Result<Nanoseconds> read_cpu_clock(int clock) {
  if (clock == kClockProcess) return process_cpu_time(*current().signal).total();
  if (clock == kClockThread) {
    sched::charge_current_time();
    return current().user_time + current().system_time;
  }
  if (clock >= 0) return Errno::inval;
  int number = ~(clock >> 3);
  int kind = clock & 3;
  bool of_thread = clock & 4;
  if (kind > kScheduledTime) return Errno::inval;
  Ref<Task> task = number == 0 ? Ref<Task>(current()) : find_task(number);
  if (!task) return Errno::inval;
  if (!of_thread) {
    if (number != 0 && !task->is_thread_group_leader()) return Errno::inval;
    return pick(process_cpu_time(*task->signal), kind);
  }
  if (task->signal != current().signal) return Errno::inval;
  sched::charge_current_time();
  return pick({task->user_time, task->system_time}, kind);
}

}  // namespace tine
