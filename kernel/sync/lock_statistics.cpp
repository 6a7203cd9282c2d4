// SPDX-License-Identifier: MIT
//
// The counters behind /proc/lock_stat; see lock_statistics.h. A report sums up the CPUs while they
// count on, so its figures need not fit one another exactly.
#include "sync/lock_statistics.h"

#ifdef TINE_LOCK_STATISTICS

#include <algorithm>
#include <array>
#include <atomic>
#include <utility>

#include "arch/clock.h"
#include "arch/cpu.h"

namespace tine {
namespace {

constexpr unsigned kRanks = static_cast<unsigned>(LockRank::unranked) + 1;

// The name of the enumerator with this value; empty: there is none.
template <LockRank rank>
constexpr std::string_view name_of_rank() {
  // "... [rank = tine::LockRank::pipe]", or "... [rank = (tine::LockRank)5]"
  const std::string_view function = __PRETTY_FUNCTION__;
  const size_t end = function.size() - 1;
  size_t start = end;
  while (function[start - 1] != ':' && function[start - 1] != ')') --start;
  return function[start - 1] == ':' ? function.substr(start, end - start) : std::string_view();
}

template <size_t... values>
constexpr auto names_of_all(std::index_sequence<values...>) {
  return std::array{name_of_rank<static_cast<LockRank>(values)>()...};
}
constexpr std::array kNames = names_of_all(std::make_index_sequence<kRanks>());
constexpr unsigned kNamed = kRanks - static_cast<unsigned>(std::ranges::count(kNames, ""));

// The ranks there are, in their order, and the place of each among them.
struct Places {
  std::array<uint16_t, kNamed> ranks{};
  std::array<uint8_t, kRanks> place_of{};
};
constexpr Places kPlaces = [] {
  Places places;
  uint8_t next = 0;
  for (uint16_t rank = 0; rank < kRanks; ++rank) {
    if (kNames[rank].empty()) continue;
    places.place_of[rank] = next;
    places.ranks[next++] = rank;
  }
  return places;
}();

// A number of times, and what they lasted.
struct Durations {
  std::atomic<uint64_t> count{0};
  std::atomic<Nanoseconds> all{0};
  std::atomic<Nanoseconds> longest{0};
  std::atomic<Nanoseconds> shortest{kNever};

  void add(Nanoseconds time) {
    count.fetch_add(1, std::memory_order_relaxed);
    all.fetch_add(time, std::memory_order_relaxed);
    // An interrupt in between may lose its own figure here.
    if (time > longest.load(std::memory_order_relaxed))
      longest.store(time, std::memory_order_relaxed);
    if (time < shortest.load(std::memory_order_relaxed)) {
      shortest.store(time, std::memory_order_relaxed);
    }
  }
  void clear() {
    count.store(0, std::memory_order_relaxed);
    all.store(0, std::memory_order_relaxed);
    longest.store(0, std::memory_order_relaxed);
    shortest.store(kNever, std::memory_order_relaxed);
  }
};

struct RankCounts {
  std::atomic<uint64_t> acquisitions{0};
  Durations waits, holds;
};

struct alignas(64) CpuCounts {
  RankCounts ranks[kNamed];
};
constinit CpuCounts counts[kMaxCpus];

// A task that may be preempted may count on the CPU that it has just left, which loses nothing.
RankCounts& counts_here(LockRank rank) {
  return counts[arch::this_cpu().id].ranks[kPlaces.place_of[static_cast<unsigned>(rank)]];
}

}  // namespace

void note_lock_shared(LockRank rank) {
  counts_here(rank).acquisitions.fetch_add(1, std::memory_order_relaxed);
}

void LockHold::begin(LockRank rank) {
  note_lock_shared(rank);
  since_ = arch::monotonic_now();
}

void LockHold::end(LockRank rank) { counts_here(rank).holds.add(arch::monotonic_now() - since_); }

LockWait::LockWait(LockRank rank) : rank_(rank), since_(arch::monotonic_now()) {}
LockWait::~LockWait() { counts_here(rank_).waits.add(arch::monotonic_now() - since_); }

bool report_lock(unsigned index, LockReport& report) {
  if (index >= kNamed) return false;
  report = {.name = kNames[kPlaces.ranks[index]], .shortest_wait = kNever, .shortest_hold = kNever};
  for (const CpuCounts& cpu : counts) {
    const RankCounts& rank = cpu.ranks[index];
    report.acquisitions += rank.acquisitions;
    report.contentions += rank.waits.count;
    report.all_waits += rank.waits.all;
    report.longest_wait = std::max(report.longest_wait, rank.waits.longest.load());
    report.shortest_wait = std::min(report.shortest_wait, rank.waits.shortest.load());
    report.holds += rank.holds.count;
    report.all_holds += rank.holds.all;
    report.longest_hold = std::max(report.longest_hold, rank.holds.longest.load());
    report.shortest_hold = std::min(report.shortest_hold, rank.holds.shortest.load());
  }
  if (report.contentions == 0) report.shortest_wait = 0;
  if (report.holds == 0) report.shortest_hold = 0;
  return true;
}

void clear_lock_statistics() {
  for (CpuCounts& cpu : counts) {
    for (RankCounts& rank : cpu.ranks) {
      rank.acquisitions.store(0, std::memory_order_relaxed);
      rank.waits.clear();
      rank.holds.clear();
    }
  }
}

}  // namespace tine

#endif  // TINE_LOCK_STATISTICS
