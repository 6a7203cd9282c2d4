// SPDX-License-Identifier: MIT
//
// The machine-wide counters of tasks (B1) and the limit on them (B7). Atomics, so that charging a
// task needs no lock; who only reads calls task_counts() in task/task.h.
#pragma once

#include <atomic>
#include <cstdint>

namespace tine {

struct TaskStatistics {
  std::atomic<int64_t> threads{0};  // alive or zombie, idle tasks not counted
  std::atomic<uint64_t> total_forks{0};
  std::atomic<int64_t> threads_max{1024};
};
extern TaskStatistics statistics;

// fork_init: threads use at most an eighth of memory, at least 20 are allowed (B7).
constexpr int64_t kMinThreads = 20;
constexpr int64_t kMaxThreads = 0x3fff'ffff;  // FUTEX_TID_MASK
constexpr int64_t default_threads_max(uint64_t memory_bytes, uint64_t stack_bytes) {
  const auto threads = static_cast<int64_t>(memory_bytes / (8 * stack_bytes));
  return threads < kMinThreads ? kMinThreads : threads > kMaxThreads ? kMaxThreads : threads;
}

}  // namespace tine
