// SPDX-License-Identifier: MIT
//
// Clocks and sleeping: clock_gettime(2), clock_nanosleep(2), gettimeofday(2), time(2).
//
// A relative sleep that a signal interrupts writes the time that is left and is resumed through
// restart_syscall(2) towards its old deadline; an absolute one is simply made again. Fails with
// EINVAL for times and clocks that are none, EFAULT, EPERM without CAP_SYS_TIME, EINTR.
// The wall clock is kept in UTC; a time zone is accepted only where it changes nothing.
#include "sched/timer.h"
#include "syscall/syscalls.h"
#include "task/cred/cred.h"
#include "task/task.h"
#include "task/timer/cpu_clock.h"

namespace tine {
namespace {

constexpr int kTimerAbsolute = 1;
constexpr Nanoseconds kCoarseResolution = 4'000'000;

enum ClockId : int {
  kClockRealtime = 0,
  kClockMonotonic = 1,
  kClockProcess = 2,
  kClockThread = 3,
  kClockMonotonicRaw = 4,
  kClockRealtimeCoarse = 5,
  kClockMonotonicCoarse = 6,
  kClockBoottime = 7,
  kClockTai = 11,
};

// The machine never suspends, so boottime is monotonic; TAI's offset is unset, as at Linux's start.
Result<Nanoseconds> read_clock(int clock) {
  switch (clock) {
    case kClockRealtime:
    case kClockRealtimeCoarse:
    case kClockTai:
      return time::realtime_now();
    case kClockMonotonic:
    case kClockMonotonicRaw:
    case kClockMonotonicCoarse:
    case kClockBoottime:
      return time::monotonic_now();
    default:
      return read_cpu_clock(clock);
  }
}

// The clock by which a sleep or a timer may wait.
Result<time::Clock> waitable_clock(int clock) {
  switch (clock) {
    case kClockRealtime:
    case kClockTai:
      return time::Clock::realtime;
    case kClockMonotonic:
    case kClockBoottime:
      return time::Clock::monotonic;
    case kClockThread:
      return Errno::inval;
    default:
      TRY(read_clock(clock));
      return Errno::opnotsupp;
  }
}

// words: deadline, clock, address of the remaining time
SyscallResult resume_sleep(signal::RestartBlock& block) {
  auto deadline = static_cast<Nanoseconds>(block.words[0]);
  Result<void> outcome = time::sleep_until(static_cast<time::Clock>(block.words[1]), deadline);
  if (outcome) return 0;
  if (UserOut<abi::Timespec> remaining(UserAddr(block.words[2])); remaining) {
    Nanoseconds left = deadline - time::monotonic_now();
    TRY(remaining.write(abi::Timespec::from(left > 0 ? left : 0)));
  }
  return Errno::restart_restartblock;
}

Nanoseconds saturating_add(Nanoseconds a, Nanoseconds b) { return b > kNever - a ? kNever : a + b; }

// A relative sleep is measured on the monotonic clock whichever was named: setting the wall clock
// does not change its length.
SyscallResult sleep_for(Nanoseconds length, UserOut<abi::Timespec> remaining) {
  signal::RestartBlock& block = current().restart;
  block.resume = resume_sleep;
  block.words[0] = static_cast<uint64_t>(saturating_add(time::monotonic_now(), length));
  block.words[1] = static_cast<uint64_t>(time::Clock::monotonic);
  block.words[2] = remaining.address().value;
  return resume_sleep(block);
}

}  // namespace

SyscallResult sys_nanosleep(UserIn<abi::Timespec> request, UserOut<abi::Timespec> remaining) {
  abi::Timespec length = TRY(request.read());
  if (!length.is_valid()) return Errno::inval;
  return sleep_for(length.to_nanoseconds(), remaining);
}

SyscallResult sys_clock_nanosleep(int clock, int flags, UserIn<abi::Timespec> request,
                                  UserOut<abi::Timespec> remaining) {
  time::Clock waits_by = TRY(waitable_clock(clock));
  abi::Timespec when = TRY(request.read());
  if (!when.is_valid()) return Errno::inval;
  if (!(flags & kTimerAbsolute)) return sleep_for(when.to_nanoseconds(), remaining);
  if (!time::sleep_until(waits_by, when.to_nanoseconds())) return Errno::restart_nohand;
  return 0;
}

SyscallResult sys_clock_gettime(int clock, UserOut<abi::Timespec> out) {
  Nanoseconds now = TRY(read_clock(clock));
  TRY(out.write(abi::Timespec::from(now)));
  return 0;
}

SyscallResult sys_clock_settime(int clock, UserIn<abi::Timespec> in) {
  if (clock != kClockRealtime) {
    TRY(read_clock(clock));
    return Errno::inval;
  }
  abi::Timespec wanted = TRY(in.read());
  if (!wanted.is_valid()) return Errno::inval;
  if (!capable(kCapSysTime)) return Errno::perm;
  time::set_realtime(wanted.to_nanoseconds());
  return 0;
}

SyscallResult sys_clock_getres(int clock, UserOut<abi::Timespec> resolution) {
  TRY(read_clock(clock));
  bool coarse = clock == kClockRealtimeCoarse || clock == kClockMonotonicCoarse;
  if (resolution) TRY(resolution.write(abi::Timespec::from(coarse ? kCoarseResolution : 1)));
  return 0;
}

SyscallResult sys_gettimeofday(UserOut<abi::Timeval> out, UserOut<abi::Timezone> zone) {
  if (out) TRY(out.write(abi::Timeval::from(time::realtime_now())));
  if (zone) TRY(zone.write({}));
  return 0;
}

SyscallResult sys_settimeofday(UserIn<abi::Timeval> in, UserIn<abi::Timezone> zone) {
  if (!capable(kCapSysTime)) return Errno::perm;
  if (zone) {
    abi::Timezone wanted = TRY(zone.read());
    if (wanted.minutes_west != 0) return Errno::inval;
  }
  if (!in) return 0;
  abi::Timeval wanted = TRY(in.read());
  if (!wanted.is_valid()) return Errno::inval;
  time::set_realtime(wanted.to_nanoseconds());
  return 0;
}

SyscallResult sys_time(UserOut<int64_t> out) {
  int64_t seconds = time::realtime_now() / kNsPerSecond;
  if (out) TRY(out.write(seconds));
  return seconds;
}

}  // namespace tine
