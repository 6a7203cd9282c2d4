// SPDX-License-Identifier: MIT
//
// Clocks that measure the CPU time of threads and processes: CLOCK_PROCESS_CPUTIME_ID,
// CLOCK_THREAD_CPUTIME_ID and those of clock_getcpuclockid(3), whose numbers are negative.
// The time of a task that runs on another CPU is as fresh as that CPU's last tick or switch.
#pragma once

#include "core/result.h"
#include "task/signal_state.h"

namespace tine {

struct CpuTime {
  Nanoseconds user = 0, system = 0;
  Nanoseconds total() const { return user + system; }
};

// Of all threads, the gone ones included; the running task's is up to date.
CpuTime process_cpu_time(SignalState& process);
CpuTime process_cpu_time_locked(SignalState& process) REQUIRES(task_tree_lock);

// EINVAL: no such clock, or its task is gone.
Result<Nanoseconds> read_cpu_clock(int clock);

}  // namespace tine
