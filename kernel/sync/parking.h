// SPDX-License-Identifier: MIT
//
// How the sleeping primitives put a task to sleep and wake it. Declared here and defined by the
// scheduler (sched/park.cpp), so that sync/ does not look upwards.
#pragma once

#include <cstdint>

#include "core/types.h"

namespace tine {

namespace sched {
struct Schedulable;
}

// Bits, so that a wake-up can name the set it applies to. /proc shows R S D T t Z X.
enum class TaskState : uint16_t {
  running = 0,
  interruptible = 1,
  uninterruptible = 2,
  killable = 4,         // uninterruptible, but a fatal signal wakes
  stopped = 8,
  traced = 16,
  newborn = 32,         // being built: neither run nor woken (TASK_NEW, E64)
  dead = 64,
};

enum class WakeMode : uint16_t {
  interruptible = 1,
  any = 1 | 2 | 4,
  fatal = 1 | 4 | 8 | 16,  // SIGKILL
  stopped = 8,
};

void prepare_to_sleep(TaskState state);  // sets current's state, with a full barrier after it
void finish_sleep();                     // back to running
bool sleep_is_interrupted();             // current's state allows it and a signal is pending
// Gives up the CPU until woken or until `deadline`; false if the deadline passed first.
bool schedule_until(Nanoseconds deadline);
// Whether the task has a CPU now. It must be alive.
bool is_on_cpu(const sched::Schedulable& task);
// Makes `task` runnable if its state is in `mode`; false if it was not. Any context.
bool wake_up(sched::Schedulable& task, WakeMode mode = WakeMode::any);

}  // namespace tine
