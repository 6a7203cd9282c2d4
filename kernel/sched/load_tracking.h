// SPDX-License-Identifier: MIT
//
// Per-entity load tracking: for how much of the recent past a task wanted the CPU and had it, and
// how much work waited on a CPU. The past counts less with every period of about a millisecond: half
// as much after 32 of them. Fixed point, no division; a value follows a constant input to within one
// unit. Only whole periods are accounted, with the state that held at their end.
//
// Guarded by the run queue of the task, or of the CPU, that they describe. Nothing can fail.
#pragma once

#include <cstdint>

#include "core/types.h"
#include "sync/hint.h"

namespace tine::sched {

inline constexpr unsigned kLoadPeriodShift = 20;  // 2^20 ns
inline constexpr Nanoseconds kLoadPeriod = Nanoseconds{1} << kLoadPeriodShift;
inline constexpr uint32_t kFullLoad = 1024;

// `value` after `periods` in which the input was `target`.
uint64_t approach(uint64_t value, uint64_t target, uint64_t periods);

struct TaskLoad {
  Nanoseconds updated = 0;
  // A new task counts fully until it shows what it is like (E69).
  Hint<uint32_t> runnable = kFullLoad;
  Hint<uint32_t> running = kFullLoad / 2;

  void update(Nanoseconds now, bool was_runnable, bool was_running) {
    if (now - updated >= kLoadPeriod) add_periods(now, was_runnable, was_running);
  }

 private:
  void add_periods(Nanoseconds now, bool was_runnable, bool was_running);
};

struct CpuLoad {
  Nanoseconds updated = 0;
  Hint<uint64_t> average = 0;     // of the weight of the fair tasks here

  void update(Nanoseconds now, uint64_t weight) {
    if (now - updated >= kLoadPeriod) add_periods(now, weight);
  }

 private:
  void add_periods(Nanoseconds now, uint64_t weight);
};

}  // namespace tine::sched
