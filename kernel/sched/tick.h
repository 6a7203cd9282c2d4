// SPDX-License-Identifier: MIT
//
// Between the run queues and the timers of a CPU, internal to sched/: the scheduler's tick is not a
// Timer, because it is asked for with the run queue locked, where the timer lock may not be taken.
// A CPU ticks while it runs anything but its idle task, at the end of a deadline task's budget, and
// when a throttled one may go on. A tick that is due when the CPU has gone idle finds that out and
// asks for no other. Interrupts are off in all of these.
#pragma once

#include "core/types.h"

namespace tine::sched {
struct RunQueue;
void request_tick(RunQueue& rq, Nanoseconds now);  // if none is pending that comes in time
}  // namespace tine::sched

namespace tine::time {
void arm_tick(Nanoseconds deadline);               // of this CPU
}
