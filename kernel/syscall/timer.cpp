// SPDX-License-Identifier: MIT
//
// Timers of a process that send signals: setitimer(2), alarm(2), timer_create(2) and its family.
// Decoding only; task/timer/interval_timers.h has the timers. Fails with EINVAL for clocks, times,
// ids and signals that are none, EFAULT, ENOMEM, EAGAIN when the ids are used up.
// Timers on CPU-time clocks exist as interval timers, and through timer_create for the process's.
#include <algorithm>

#include "syscall/syscalls.h"
#include "task/pid/pid.h"
#include "task/timer/interval_timers.h"

namespace tine {
namespace {

constexpr int kTimerAbsolute = 1;
enum Notify : int { kSigevSignal = 0, kSigevNone = 1, kSigevThreadId = 4 };

Nanoseconds saturating_add(Nanoseconds a, Nanoseconds b) { return b > kNever - a ? kNever : a + b; }

abi::IntervalTimeval to_timeval(const TimerSetting& setting) {
  // Rounded up, so that what is armed never shows as disarmed.
  return {abi::Timeval::from(setting.interval), abi::Timeval::from(setting.remaining + 999)};
}
abi::IntervalTimespec to_timespec(const TimerSetting& setting) {
  return {abi::Timespec::from(setting.interval), abi::Timespec::from(setting.remaining)};
}

// `length` 0 disarms.
TimerSetting arm_interval(IntervalTimers& timers, int which, Nanoseconds length,
                          Nanoseconds interval) {
  SignalTimer& timer = timers.interval[which];
  Nanoseconds first = length == 0 ? kNever : saturating_add(read_timer_clock(timer), length);
  return set_timer(timers, timer, first, interval);
}

Result<TimerClock> timer_clock(int clock) {
  switch (clock) {
    case 0:
    case 11:
      return TimerClock::realtime;
    case 1:
    case 7:
      return TimerClock::monotonic;
    case 2:
      return TimerClock::process_cpu_time;
    case 3:  // this thread's CPU time: not there yet
    case 4:  // the raw and coarse clocks cannot be waited for
    case 5:
    case 6:
      return Errno::opnotsupp;
    default:
      return Errno::inval;
  }
}

Result<void> apply_event(SignalTimer& timer, const abi::SignalEvent& event) {
  timer.value = event.value;
  if (event.notify == kSigevNone) return {};
  if (event.notify != kSigevSignal && event.notify != (kSigevSignal | kSigevThreadId)) {
    return Errno::inval;
  }
  if (event.signal < 1 || event.signal > signal::kSignalCount) return Errno::inval;
  timer.signal = event.signal;
  if (event.notify & kSigevThreadId) {
    timer.thread = find_task(event.thread);
    if (!timer.thread || timer.thread->signal != current().signal) return Errno::inval;
  }
  return {};
}

}  // namespace

SyscallResult sys_getitimer(int which, UserOut<abi::IntervalTimeval> value) {
  if (which < 0 || which > 2) return Errno::inval;
  IntervalTimers& timers = *TRY(interval_timers());
  TRY(value.write(to_timeval(get_timer(timers, timers.interval[which]))));
  return 0;
}

// Linux takes a null `value` for a zero one.
SyscallResult sys_setitimer(int which, UserIn<abi::IntervalTimeval> value,
                            UserOut<abi::IntervalTimeval> old_value) {
  abi::IntervalTimeval wanted;
  if (value) wanted = TRY(value.read());
  if (which < 0 || which > 2) return Errno::inval;
  if (!wanted.value.is_valid() || !wanted.interval.is_valid()) return Errno::inval;
  IntervalTimers& timers = *TRY(interval_timers());
  TimerSetting old =
      arm_interval(timers, which, wanted.value.to_nanoseconds(), wanted.interval.to_nanoseconds());
  if (old_value) TRY(old_value.write(to_timeval(old)));
  return 0;
}

SyscallResult sys_alarm(uint32_t seconds) {
  IntervalTimers& timers = *TRY(interval_timers());
  TimerSetting old = arm_interval(timers, 0, seconds * kNsPerSecond, 0);
  if (old.remaining == 0) return 0;
  // To the nearest second, but an alarm that is due does not show as none: alarm(2).
  return std::max<long>((old.remaining + kNsPerSecond / 2) / kNsPerSecond, 1);
}

SyscallResult sys_timer_create(int clock, UserIn<abi::SignalEvent> event, UserOut<int> id) {
  TimerClock kind = TRY(timer_clock(clock));
  IntervalTimers& timers = *TRY(interval_timers());
  Ref<PosixTimer> timer = TRY(make_ref<PosixTimer>(*current().signal, kind));
  if (event) {
    abi::SignalEvent wanted = TRY(event.read());
    TRY(apply_event(timer->timer, wanted));
  } else {
    timer->timer.signal = signal::kSigAlrm;
  }
  int number = TRY(add_posix_timer(timers, timer));
  if (!event) timer->timer.value = static_cast<uint64_t>(number);
  if (Result<void> written = id.write(number); !written) {
    TRY(delete_posix_timer(number));
    return written.error();
  }
  return 0;
}

SyscallResult sys_timer_settime(int id, int flags, UserIn<abi::IntervalTimespec> value,
                                UserOut<abi::IntervalTimespec> old_value) {
  if (!value) return Errno::inval;
  abi::IntervalTimespec wanted = TRY(value.read());
  if (!wanted.value.is_valid() || !wanted.interval.is_valid()) return Errno::inval;
  Ref<PosixTimer> found = TRY(find_posix_timer(id));
  SignalTimer& timer = found->timer;
  Nanoseconds first = wanted.value.to_nanoseconds();
  if (first == 0) {
    first = kNever;
  } else if (!(flags & kTimerAbsolute)) {
    first = saturating_add(read_timer_clock(timer), first);
  }
  TimerSetting old =
      set_timer(*timer.process.interval_timers, timer, first, wanted.interval.to_nanoseconds());
  if (old_value) TRY(old_value.write(to_timespec(old)));
  return 0;
}

SyscallResult sys_timer_gettime(int id, UserOut<abi::IntervalTimespec> value) {
  Ref<PosixTimer> found = TRY(find_posix_timer(id));
  SignalTimer& timer = found->timer;
  TRY(value.write(to_timespec(get_timer(*timer.process.interval_timers, timer))));
  return 0;
}

SyscallResult sys_timer_getoverrun(int id) {
  return int{TRY(find_posix_timer(id))->timer.taken_overrun};
}

SyscallResult sys_timer_delete(int id) {
  TRY(delete_posix_timer(id));
  return 0;
}

}  // namespace tine
