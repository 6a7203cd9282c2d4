// SPDX-License-Identifier: MIT
//
// Kernel timers: a callback at a time of the monotonic clock, on this CPU, from the timer
// interrupt (interrupts off, must not sleep). Per-CPU ordered tree; arming costs O(log n).
#pragma once

#include "core/list.h"
#include "core/types.h"

namespace tine::time {

struct Timer {
  using Callback = void (*)(Timer&);
  explicit Timer(Callback f) : callback(f) {}
  Callback callback;
  Nanoseconds deadline = kNever;
  TreeNode node;
  CpuId cpu = 0;
  bool armed = false;           // guarded by the timer base's lock
};

void arm(Timer& timer, Nanoseconds deadline);  // re-arms if armed
// True if it was armed. On return the callback is not running and will not run.
bool cancel(Timer& timer);

void timer_interrupt(bool user_mode);          // from the architecture, interrupts off

Nanoseconds monotonic_now();
Nanoseconds realtime_now();
void set_realtime(Nanoseconds now);
Nanoseconds realtime_offset();                 // realtime - monotonic

}  // namespace tine::time
