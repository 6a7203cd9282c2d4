// SPDX-License-Identifier: MIT
//
// The vDSO's functions, in user mode: the clocks from the cycle counter and the data page, the
// CPU's number from a segment limit. What they cannot answer they pass on as a system call. Linked
// alone, position-independent, with no data of its own and no library.
#include <cstdint>

#include "arch/x86_64/vdso/data.h"

using tine::x86::kCpuNumberSelector;
using tine::x86::VdsoData;

extern "C" const VdsoData vdso_data __attribute__((visibility("hidden")));

namespace {

struct TimeSpec {
  int64_t seconds, nanoseconds;
};
struct TimeVal {
  int64_t seconds, microseconds;
};
struct TimeZone {
  int32_t minutes_west, dst_time;
};

enum Clock : int {
  kRealtime = 0,
  kMonotonic = 1,
  kMonotonicRaw = 4,
  kRealtimeCoarse = 5,
  kMonotonicCoarse = 6,
  kBoottime = 7
};
constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr long kClockGetTime = 228, kClockGetRes = 229;

long system_call(long number, long first, const void* second) {
  long result;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(first), "S"(second)
               : "rcx", "r11", "memory");
  return result;
}

uint64_t cycle_counter() {
  uint32_t low, high;
  asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
  return uint64_t{high} << 32 | low;
}

int64_t monotonic_now() {
  uint64_t cycles = cycle_counter() - vdso_data.base_cycles;
  auto product = static_cast<unsigned __int128>(cycles) * vdso_data.multiplier;
  return vdso_data.base_ns +
         static_cast<int64_t>(static_cast<uint64_t>(product >> vdso_data.shift));
}

int64_t realtime_now() {
  for (;;) {
    uint32_t before = __atomic_load_n(&vdso_data.sequence, __ATOMIC_ACQUIRE);
    int64_t offset = __atomic_load_n(&vdso_data.realtime_offset, __ATOMIC_RELAXED);
    int64_t now = monotonic_now() + offset;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (!(before & 1) && before == __atomic_load_n(&vdso_data.sequence, __ATOMIC_RELAXED)) {
      return now;
    }
  }
}

}  // namespace

extern "C" {

[[gnu::visibility("default")]] int __vdso_clock_gettime(int clock, TimeSpec* out) {
  int64_t now;
  switch (clock) {
    case kRealtime:
    case kRealtimeCoarse:
      now = realtime_now();
      break;
    case kMonotonic:
    case kMonotonicRaw:
    case kMonotonicCoarse:
    case kBoottime:
      now = monotonic_now();
      break;
    default:
      return static_cast<int>(system_call(kClockGetTime, clock, out));
  }
  out->seconds = now / kNsPerSecond;
  out->nanoseconds = now % kNsPerSecond;
  return 0;
}

[[gnu::visibility("default")]] int __vdso_clock_getres(int clock, TimeSpec* out) {
  return static_cast<int>(system_call(kClockGetRes, clock, out));
}

[[gnu::visibility("default")]] int __vdso_gettimeofday(TimeVal* out, TimeZone* zone) {
  if (out) {
    int64_t now = realtime_now();
    out->seconds = now / kNsPerSecond;
    out->microseconds = now % kNsPerSecond / 1000;
  }
  if (zone) *zone = {0, 0};
  return 0;
}

[[gnu::visibility("default")]] int64_t __vdso_time(int64_t* out) {
  int64_t seconds = realtime_now() / kNsPerSecond;
  if (out) *out = seconds;
  return seconds;
}

[[gnu::visibility("default")]] long __vdso_getcpu(unsigned* cpu, unsigned* node, void*) {
  unsigned number;
  asm("lsl %1, %0" : "=r"(number) : "r"(static_cast<unsigned>(kCpuNumberSelector)) : "cc");
  if (cpu) *cpu = number;
  if (node) *node = 0;
  return 0;
}

// The names without prefix, which are part of the vDSO's interface too.
[[gnu::weak, gnu::visibility("default"), gnu::alias("__vdso_clock_gettime")]]
int clock_gettime(int clock, TimeSpec* out);
[[gnu::weak, gnu::visibility("default"), gnu::alias("__vdso_clock_getres")]]
int clock_getres(int clock, TimeSpec* out);
[[gnu::weak, gnu::visibility("default"), gnu::alias("__vdso_gettimeofday")]]
int gettimeofday(TimeVal* out, TimeZone* zone);
[[gnu::weak, gnu::visibility("default"), gnu::alias("__vdso_time")]]
int64_t time(int64_t* out);
[[gnu::weak, gnu::visibility("default"), gnu::alias("__vdso_getcpu")]]
long getcpu(unsigned* cpu, unsigned* node, void* unused);

}  // extern "C"
