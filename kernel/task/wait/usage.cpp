// SPDX-License-Identifier: MIT
//
// What a thread, a process and a tree of them have used: getrusage(2), wait4(2), times(2), and the
// times in SIGCHLD's siginfo.
#include <algorithm>

#include "mm/mm.h"
#include "task/signal_state.h"
#include "task/task.h"
#include "task/wait/wait.h"

namespace tine {

CpuUsage usage_of_thread(const Task& task) {
  return {.user_time = task.user_time,
          .system_time = task.system_time,
          .minor_faults = task.minor_faults,
          .major_faults = task.major_faults,
          .voluntary_switches = task.voluntary_switches,
          .involuntary_switches = task.involuntary_switches};
}

void note_peak_rss(Task& task) {
  IrqGuard guard(task.sighand->lock);
  Hint<uint64_t>& left = task.signal->left_rss_pages;
  left = std::max<uint64_t>(left, static_cast<uint64_t>(task.mm->peak_rss_pages()));
}

CpuUsage usage_of_process(Task& task) {
  CpuUsage usage = task.signal->dead_threads;
  usage.max_rss_pages = task.signal->left_rss_pages;
  for (const Task& thread : task.signal->threads) usage.add(usage_of_thread(thread));
  return usage;
}

abi::Rusage to_rusage(const CpuUsage& usage) {
  return {.user_time = abi::Timeval::from(usage.user_time),
          .system_time = abi::Timeval::from(usage.system_time),
          .max_rss_kib = static_cast<int64_t>(usage.max_rss_pages * (kPageSize / 1024)),
          .minor_faults = static_cast<int64_t>(usage.minor_faults),
          .major_faults = static_cast<int64_t>(usage.major_faults),
          .voluntary_switches = static_cast<int64_t>(usage.voluntary_switches),
          .involuntary_switches = static_cast<int64_t>(usage.involuntary_switches)};
}

}  // namespace tine
