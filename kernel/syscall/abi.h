// SPDX-License-Identifier: MIT
//
// The structures that programs and system calls exchange, as the x86-64 and aarch64 ABI lays them
// out (both agree on these). Plain data: nothing here is trusted before it has been checked.
// A structure that belongs to one subsystem alone is declared there instead.
#pragma once

#include <cstdint>

#include "core/types.h"

namespace tine::abi {

struct Timespec {
  int64_t seconds = 0, nanoseconds = 0;
  constexpr bool is_valid() const {
    return seconds >= 0 && nanoseconds >= 0 && nanoseconds < kNsPerSecond;
  }
  // Saturates: nobody waits 292 years.
  constexpr Nanoseconds to_nanoseconds() const {
    constexpr int64_t kLimit = kNever / kNsPerSecond;
    return seconds >= kLimit ? kNever : seconds * kNsPerSecond + nanoseconds;
  }
  static constexpr Timespec from(Nanoseconds time) {
    return {time / kNsPerSecond, time % kNsPerSecond};
  }
};

struct Timeval {
  int64_t seconds = 0, microseconds = 0;
  constexpr bool is_valid() const {
    return seconds >= 0 && microseconds >= 0 && microseconds < 1'000'000;
  }
  constexpr Nanoseconds to_nanoseconds() const {
    return Timespec{seconds, microseconds * 1000}.to_nanoseconds();
  }
  static constexpr Timeval from(Nanoseconds time) {
    return {time / kNsPerSecond, time % kNsPerSecond / 1000};
  }
};

// getrusage(2), wait4(2)
struct Rusage {
  Timeval user_time, system_time;
  int64_t max_rss_kib = 0, shared_rss = 0, data_rss = 0, stack_rss = 0;
  int64_t minor_faults = 0, major_faults = 0, swaps = 0, blocks_in = 0, blocks_out = 0;
  int64_t messages_sent = 0, messages_received = 0, signals = 0;
  int64_t voluntary_switches = 0, involuntary_switches = 0;
};
static_assert(sizeof(Rusage) == 144);

struct Tms {
  int64_t user, system, children_user, children_system;
};                                                             // times(2), in clock ticks
inline constexpr Nanoseconds kClockTick = kNsPerSecond / 100;  // USER_HZ

struct Rlimit {
  uint64_t soft, hard;
};  // getrlimit(2)

struct Utsname {
  char system[65], node[65], release[65], version[65], machine[65], domain[65];
};

struct Sysinfo {  // sysinfo(2)
  int64_t uptime = 0;
  uint64_t loads[3] = {};
  uint64_t total_ram = 0, free_ram = 0, shared_ram = 0, buffer_ram = 0, total_swap = 0,
           free_swap = 0;
  uint16_t processes = 0, padding = 0;
  uint32_t padding_to_align = 0;
  uint64_t total_high = 0, free_high = 0;
  uint32_t unit = 1, padding_to_end = 0;
};
static_assert(sizeof(Sysinfo) == 112);

// clone3(2). Grows at its end; the sizes mark the versions.
struct CloneArgs {
  uint64_t flags = 0, pidfd = 0, child_tid = 0, parent_tid = 0, exit_signal = 0;
  uint64_t stack = 0, stack_size = 0, tls = 0;
  uint64_t set_tid = 0, set_tid_size = 0;  // since version 1, 80 bytes
  uint64_t cgroup = 0;                     // since version 2, 88 bytes
  static constexpr uint64_t kSizeVersion0 = 64;
};
static_assert(sizeof(CloneArgs) == 88);

// sched_setattr(2). Grows at its end.
struct SchedAttributes {
  uint32_t size = 0, policy = 0;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime = 0, deadline = 0, period = 0;
  uint32_t utilization_min = 0, utilization_max = 0;
  static constexpr uint32_t kSizeVersion0 = 48;
};
static_assert(sizeof(SchedAttributes) == 56);

struct Timezone {
  int32_t minutes_west, dst_time;
};  // gettimeofday(2)
struct IntervalTimespec {
  Timespec interval, value;
};  // struct itimerspec
struct IntervalTimeval {
  Timeval interval, value;
};                    // struct itimerval
struct SignalEvent {  // struct sigevent, timer_create(2)
  uint64_t value = 0;
  int32_t signal = 0, notify = 0, thread = 0;
  int32_t padding[11] = {};
};
static_assert(sizeof(SignalEvent) == 64);

struct CapabilityHeader {
  uint32_t version;
  int32_t pid;
};  // capget(2)
struct CapabilityData {
  uint32_t effective, permitted, inheritable;
};

}  // namespace tine::abi
