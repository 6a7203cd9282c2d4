// SPDX-License-Identifier: MIT
//
// The arithmetic of load_tracking.h: y^n by a table of the first 32 powers, where y^32 is one half.
#include "sched/load_tracking.h"

namespace tine::sched {
namespace {

constexpr unsigned kHalfLife = 32;
constexpr unsigned kScaleShift = 32;

// y = 2^(-1/32) in 64-bit fixed point, found by bisection: its 32nd power is one half.
constexpr uint64_t multiply(uint64_t a, uint64_t b) {
  return static_cast<uint64_t>((static_cast<unsigned __int128>(a) * b) >> 63);
}
constexpr uint64_t power(uint64_t base, unsigned exponent) {
  uint64_t result = uint64_t{1} << 63;
  for (unsigned i = 0; i < exponent; ++i) result = multiply(result, base);
  return result;
}
constexpr uint64_t find_decay() {
  uint64_t low = uint64_t{1} << 62, high = uint64_t{1} << 63;
  while (high - low > 1) {
    uint64_t middle = low + (high - low) / 2;
    (power(middle, kHalfLife) < (uint64_t{1} << 62) ? low : high) = middle;
  }
  return low;
}

struct Powers {
  uint32_t of[kHalfLife];  // y^n, scaled by 2^32, rounded down
  constexpr Powers() : of() {
    uint64_t decay = find_decay();
    for (unsigned i = 0; i < kHalfLife; ++i) {
      uint64_t scaled = power(decay, i) >> (63 - kScaleShift);
      of[i] = static_cast<uint32_t>(scaled > UINT32_MAX ? UINT32_MAX : scaled);
    }
  }
};
constexpr Powers powers;
static_assert(powers.of[16] >> 16 == 0xb504);  // the square root of one half

uint64_t decay(uint64_t value, uint64_t periods) {
  uint64_t halvings = periods / kHalfLife;
  if (halvings >= 63) return 0;
  value >>= halvings;
  return static_cast<uint64_t>(
      (static_cast<unsigned __int128>(value) * powers.of[periods % kHalfLife]) >> kScaleShift);
}

// How many whole periods have passed, at least one; they are then accounted for.
uint64_t take_periods(Nanoseconds& updated, Nanoseconds now) {
  uint64_t periods = static_cast<uint64_t>(now - updated) >> kLoadPeriodShift;
  updated += static_cast<Nanoseconds>(periods << kLoadPeriodShift);
  return periods;
}

}  // namespace

uint64_t approach(uint64_t value, uint64_t target, uint64_t periods) {
  return value >= target ? target + decay(value - target, periods)
                         : target - decay(target - value, periods);
}

void TaskLoad::add_periods(Nanoseconds now, bool was_runnable, bool was_running) {
  uint64_t periods = take_periods(updated, now);
  runnable = static_cast<uint32_t>(approach(runnable, was_runnable ? kFullLoad : 0, periods));
  running = static_cast<uint32_t>(approach(running, was_running ? kFullLoad : 0, periods));
}

void CpuLoad::add_periods(Nanoseconds now, uint64_t weight) {
  uint64_t periods = take_periods(updated, now);
  average = approach(average, weight, periods);
}

}  // namespace tine::sched
