// SPDX-License-Identifier: MIT
//
// Kernel timers: a callback at a time of the monotonic clock, on this CPU, from the timer
// interrupt (interrupts off, must not sleep). Per-CPU ordered tree; arming costs O(log n).
#pragma once

#include "arch/cpu.h"
#include "core/list.h"
#include "core/result.h"
#include "core/types.h"

namespace tine::time {

struct Timer {
  using Callback = void (*)(Timer&);
  explicit Timer(Callback f) : callback(f), cpu(arch::this_cpu().id) {}
  Callback callback;
  Nanoseconds deadline = kNever;
  TreeNode node;
  CpuId cpu;           // whose base it is on, or was on last; guarded by that one's lock
  bool armed = false;  // guarded by the timer base's lock
};

void init_this_cpu();  // before the first timer of this CPU

void arm(Timer& timer, Nanoseconds deadline);  // re-arms if armed; a callback may re-arm its timer
// True if it was armed. On return the callback is not running (unless it is the caller) and will
// not run. The caller must not hold a lock that the callback takes.
bool cancel(Timer& timer);
// The same for a caller that holds such a lock: false also if the callback has begun on another
// CPU.
bool try_cancel(Timer& timer);

void timer_interrupt(bool user_mode);  // from the architecture, interrupts off

Nanoseconds monotonic_now();
Nanoseconds realtime_now();
void set_realtime(Nanoseconds now);
Nanoseconds realtime_offset();  // realtime - monotonic

// The clock by which an absolute sleep waits: a realtime one is measured again when it is set.
enum class Clock : uint8_t { monotonic, realtime };
// Sleeps until `deadline`; interruptible: fails with restart_sys when a signal comes first.
Result<void> sleep_until(Clock clock, Nanoseconds deadline);

}  // namespace tine::time
