// SPDX-License-Identifier: MIT
//
// Futexes (futex(2), futex(7)): sleeping until a word in user memory is changed and its waiters are
// woken. A word is identified by a Key: for memory shared between processes the object behind it
// and the offset there, otherwise the address space and the address.
//
// The comparison of the word and the sleep are one step for wakers of the same key: both happen
// under the lock of the key's hash bucket. Fails with EAGAIN (the word differs), EFAULT, EINVAL,
// ETIMEDOUT.
#pragma once

#include <span>

#include "core/result.h"
#include "core/types.h"

namespace tine {
struct Task;
}

namespace tine::futex {

enum Operation : int {
  kWait = 0,
  kWake = 1,
  kFd = 2,
  kRequeue = 3,
  kCmpRequeue = 4,
  kWakeOp = 5,
  kLockPi = 6,
  kUnlockPi = 7,
  kTrylockPi = 8,
  kWaitBitset = 9,
  kWakeBitset = 10,
  kWaitRequeuePi = 11,
  kCmpRequeuePi = 12,
  kLockPi2 = 13,
  kPrivateFlag = 128,
  kClockRealtimeFlag = 256,
  kCommandMask = ~(kPrivateFlag | kClockRealtimeFlag),
};
inline constexpr uint32_t kMatchAny = 0xffff'ffff;

enum class Sharing : uint8_t { in_process, between_processes };

// Sleeps while the word holds `expected`, until woken by a waker whose bits meet `bitset`, or until
// `deadline` (monotonic). restart_sys: a signal came first.
Result<void> wait(UserAddr word, Sharing sharing, uint32_t expected, Nanoseconds deadline,
                  uint32_t bitset);
Result<int> wake(UserAddr word, Sharing sharing, int limit, uint32_t bitset);
// Wakes up to `wake_limit` waiters of `word` and moves up to `move_limit` of the rest to `target`.
// With `expected` the word must hold that value. Returns how many were woken or moved.
Result<int> requeue(UserAddr word, UserAddr target, Sharing sharing, int wake_limit, int move_limit,
                    const uint32_t* expected);
// FUTEX_WAKE_OP: changes `target` as `operation` encodes it, then wakes.
Result<int> wake_op(UserAddr word, UserAddr target, Sharing sharing, int wake_limit,
                    int target_limit, uint32_t operation);

// futex_waitv(2): one of several words at once.
struct WaitvEntry {
  UserAddr word;
  uint32_t expected;
  Sharing sharing;
};
inline constexpr unsigned kMaxWaitvEntries = 128;
// Sleeps while each word holds what is expected; returns the index of one that was woken. EAGAIN: a
// word differs.
Result<int> wait_for_any(std::span<const WaitvEntry> entries, Nanoseconds deadline);

// Priority-inheriting futexes: the word holds the owner's number, and who waits lends the owner its
// priority. EDEADLK: the caller would wait for itself; ESRCH: the word names nobody; EPERM: not the
// owner. lock: restart_nointr when a signal comes first.
Result<void> lock_pi(UserAddr word, Sharing sharing, Nanoseconds deadline, bool only_try);
Result<void> unlock_pi(UserAddr word, Sharing sharing);
// Waits at `word` like wait(), to be moved to the priority-inheriting `target` and to get it. EAGAIN:
// the word differs, or a signal came after the move; EINVAL: the two are the same.
Result<void> wait_requeue_pi(UserAddr word, UserAddr target, Sharing sharing, uint32_t expected,
                             Nanoseconds deadline);
// Gives `target` to the first of those waiters if it is free, and makes all others, `move_limit` of
// them, wait for it. Returns how many. EINVAL: a waiter did not name `target`.
Result<int> cmp_requeue_pi(UserAddr word, UserAddr target, Sharing sharing, int wake_limit,
                           int move_limit, uint32_t expected);
// What a task that exits still owns goes to the first waiter, marked with FUTEX_OWNER_DIED.
void exit_pi_states(Task& task);

// For CLONE_CHILD_CLEARTID: wakes whoever waits for the word, shared or not.
void wake_shared(UserAddr word, int limit);
// An exiting task marks the robust futexes it still owns and wakes a waiter of each
// (get_robust_list(2)). Faults end the walk quietly: the list is the program's own.
void exit_robust_list(Task& task);

}  // namespace tine::futex
