// SPDX-License-Identifier: MIT
//
// PidNamespace: gives out process numbers and finds their Pid objects.
//
// Numbers are given out cyclically after the last one and start again at 300 when pid_max is
// reached (B10); which are in use is a bitmap, so finding the next free one scans words, not tasks
// (B12). Lookup is a hash table whose cost does not depend on the number of processes (B2): numbers
// are nearly consecutive, so their low bits spread them evenly.
// The bitmap of the first 32768 numbers is part of the object; pages for more are made when pid_max
// was raised and a number beyond is needed, and stay. One IrqSpinLock guards all of it; the hash table
// is read without, under a LookupGuard.
#pragma once

#include <cstdint>
#include <span>

#include "core/ref.h"
#include "core/result.h"
#include "sync/hint.h"
#include "sync/spin_lock.h"
#include "task/pid/pid.h"

namespace tine {

class PidNamespace {
 public:
  static constexpr int kReservedPids = 300;
  static constexpr int kDefaultPidMax = 32768;
  static constexpr int kPidMaxLimit = 4 * 1024 * 1024;
  static constexpr int kPidMaxFloor = 301;

  constexpr explicit PidNamespace(unsigned level, int pid_max = kDefaultPidMax)
      : level_(level), pid_max_(pid_max) {}

  ~PidNamespace();

  // A Pid with a number in this namespace and each of its ancestors, attached to nothing.
  // `set_tid`: the numbers wanted, innermost first (clone3). EAGAIN: all taken; EEXIST, EINVAL as
  // clone3(2); ENOMEM.
  Result<Ref<Pid>> allocate(std::span<const int> set_tid = {}) EXCLUDES(lock_);

  Ref<Pid> find(int number);
  // The caller has a LookupGuard, whose end is the end of what is found.
  Pid* look_up(int number) const;
  // The attached Pid with the lowest number that is at least `number`; null at the end.
  Ref<Pid> find_at_or_after(int number) EXCLUDES(lock_);

  unsigned level() const { return level_; }
  int last_pid() const { return last_pid_; }
  int pid_max() const { return pid_max_; }
  Result<void> set_pid_max(int value);  // EINVAL beyond [301, 4194304]
  // Its init is gone: no number is given out any more (G6).
  void close() EXCLUDES(lock_);

 private:
  friend struct Pid;
  static constexpr unsigned kBuckets = 2048;
  static constexpr int kPidsPerPage = 32768;
  static constexpr int kPages = kPidMaxLimit / kPidsPerPage;

  Result<int> take_next() REQUIRES(lock_);
  Result<void> take_exactly(int number) REQUIRES(lock_);
  int find_free(int first, int end) REQUIRES(lock_);  // -1: none
  int find_used(int first, int end) REQUIRES(lock_);
  uint64_t* page_of(int number) REQUIRES(lock_);  // null: no memory
  void insert(Pid& pid) REQUIRES(lock_);
  void release(Pid& pid) EXCLUDES(lock_);

  IrqSpinLock lock_{LockRank::pid_namespace};
  const unsigned level_;
  Hint<int> pid_max_;
  Hint<int> last_pid_ = 0;
  bool open_ = true;
  std::atomic<Pid*> buckets_[kBuckets] = {};  // written under lock_
  uint64_t first_page_[kPidsPerPage / 64] GUARDED_BY(lock_) = {};
  uint64_t* more_pages_[kPages - 1] GUARDED_BY(lock_) = {};
};

extern PidNamespace initial_pid_namespace;

}  // namespace tine
