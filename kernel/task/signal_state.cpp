// SPDX-License-Identifier: MIT
//
// The life of SignalState and questions about a process's limits.
#include "task/signal_state.h"

#include <algorithm>

#include "fs/tty/terminal.h"
#include "task/signal/queue.h"

namespace tine {

SignalState::SignalState() = default;
SignalState::~SignalState() { signal::discard_all(shared_pending); }

void CpuUsage::add(const CpuUsage& other) {
  user_time += other.user_time;
  system_time += other.system_time;
  minor_faults += other.minor_faults;
  major_faults += other.major_faults;
  voluntary_switches += other.voluntary_switches;
  involuntary_switches += other.involuntary_switches;
  max_rss_pages = std::max(max_rss_pages, other.max_rss_pages);
}

// Limits are read without a lock: a pair of words that changes between two reads is a limit that
// changed just now.
ResourceLimit resource_limit(const Task& task, Resource resource) {
  return task.signal->limits[resource];
}

uint64_t soft_limit(Resource resource) { return current().signal->limits[resource].soft; }

}  // namespace tine
