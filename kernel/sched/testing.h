// SPDX-License-Identifier: MIT
//
// What the tests of the scheduler share: names for the simulated machine's parts, threads that sleep
// until a time, and the parameters of real-time and deadline tasks. A thread uses its CPU by
// use_cpu() and use_cpu_until(), arch/hosted/machine.h.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>

#include "arch/clock.h"
#include "arch/hosted/kernel_threads.h"
#include "core/testing.h"
#include "sched/run_queue.h"
#include "sched/sched.h"
#include "sync/parking.h"

namespace tine::sched {

using arch::monotonic_now;
using arch::hosted::advance_clock;
using arch::hosted::KernelThread;
using arch::hosted::random_below;
using arch::hosted::ThreadMachine;
using arch::hosted::use_cpu;
using arch::hosted::use_cpu_until;

inline constexpr Nanoseconds kMillisecond = 1'000'000;

// lowest <= result <= highest, from the machine's seed.
inline int64_t random_between(int64_t lowest, int64_t highest) {
  return lowest + static_cast<int64_t>(random_below(static_cast<uint64_t>(highest - lowest + 1)));
}

// How many CPUs the machine of this seed has: 1 in every other one, then half as often twice as many,
// up to 64, so that all of them are seen and their simulation takes about the same time.
inline unsigned cpus_for(uint64_t seed) {
  unsigned most = 1u << std::min(std::countr_zero(seed), 6);
  auto fewer = static_cast<unsigned>(seed * 0x9e37'79b9'7f4a'7c15 >> 40) % ((most + 1) / 2);
  return most - fewer;
}

inline void sleep_until(Nanoseconds when) {
  while (monotonic_now() < when) {
    prepare_to_sleep(TaskState::uninterruptible);
    (void)schedule_until(when);
    finish_sleep();
  }
}

// For ThreadMachine::start(): a thread that is a SCHED_FIFO or a deadline task from the start.
inline auto as_fifo(int priority) {
  return [priority](Schedulable& task) {
    ASSERT_TRUE(set_parameters(task, {kPolicyFifo, priority, 0, false}));
  };
}
inline auto as_deadline(const DeadlineParameters& deadline) {
  return [deadline](Schedulable& task) {
    ASSERT_TRUE(set_parameters(task, {kPolicyDeadline, 0, 0, false, deadline}));
  };
}
inline auto as_nice(int nice) {
  return [nice](Schedulable& task) { set_nice(task, nice); };
}
// What a deadline task was promised can be promised to others.
inline void make_normal(Schedulable& task) {
  ASSERT_TRUE(set_parameters(task, {kPolicyNormal, 0, 0, false}));
}

}  // namespace tine::sched
