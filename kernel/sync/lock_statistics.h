// SPDX-License-Identifier: MIT
//
// How often the locks of each rank were taken, who had to wait and for how long, and how long they
// were held: /proc/lock_stat. It is compiled in with TINE_LOCK_STATISTICS alone (the presets
// kernel-debug and kernel-lock-statistics); else all of this is empty and costs nothing.
//
// Each CPU counts for itself, so that the counting makes nobody wait; the counters are atomic,
// since an interrupt may count as well. Nothing here fails, takes a lock or sleeps.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/types.h"
#include "sync/lock_rank.h"

namespace tine {

struct LockReport {
  std::string_view name;
  uint64_t acquisitions;
  uint64_t contentions;  // acquisitions that had to wait
  Nanoseconds shortest_wait, longest_wait, all_waits;
  uint64_t holds;  // counted ones: readers are not
  Nanoseconds shortest_hold, longest_hold, all_holds;
};

#ifdef TINE_LOCK_STATISTICS

inline constexpr bool kCountsLocks = true;

// Part of a lock that has one owner at a time, who alone touches it.
class LockHold {
 public:
  void begin(LockRank rank);  // counts the acquisition too
  void end(LockRank rank);

 private:
  Nanoseconds since_ = 0;
};

void note_lock_shared(LockRank rank);  // an acquisition whose end is not noted

// As long as it lives, somebody waits for a lock.
class LockWait {
 public:
  explicit LockWait(LockRank rank);
  LockWait(const LockWait&) = delete;
  LockWait& operator=(const LockWait&) = delete;
  ~LockWait();

 private:
  const LockRank rank_;
  const Nanoseconds since_;
};

// The ranks in their order: false from `index` = their number on.
bool report_lock(unsigned index, LockReport& report);
void clear_lock_statistics();

#else

inline constexpr bool kCountsLocks = false;

class LockHold {
 public:
  void begin(LockRank) {}
  void end(LockRank) {}
};
inline void note_lock_shared(LockRank) {}
class LockWait {
 public:
  explicit LockWait(LockRank) {}
};

#endif

}  // namespace tine
