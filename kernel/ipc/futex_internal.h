// SPDX-License-Identifier: MIT
//
// What the files of ipc/ share: keys, the hash table of waiters, and a waiter itself.
#pragma once

#include <algorithm>

#include "arch/user_access.h"
#include "ipc/futex.h"
#include "mm/mm.h"
#include "sync/spin_lock.h"
#include "task/task.h"

namespace tine::futex {

// Bits of the word of a robust or priority-inheriting futex; the rest is its owner's number.
inline constexpr uint32_t kWaiters = 0x8000'0000, kOwnerDied = 0x4000'0000, kTidMask = 0x3fff'ffff;

// Identifies a word. It holds a reference to the object, so that its address is not re-used while
// somebody waits; a private key needs none, because a waiter keeps its own Mm.
struct Key {
  const void* space = nullptr;  // the MemoryObject or the Mm
  uint64_t offset = 0;          // in the object, or the address
  Ref<mm::MemoryObject> object;
  bool operator==(const Key& other) const { return space == other.space && offset == other.offset; }
};
// EINVAL: not aligned; EFAULT: not a program's address, or nothing is mapped there.
Result<Key> make_key(UserAddr word, Sharing sharing);

struct PiWaiter;  // pi_futex.cpp

struct FutexWaiter {
  FutexWaiter* next = nullptr;  // in its bucket
  FutexWaiter* previous = nullptr;
  Key key;
  uint32_t bitset = kMatchAny;
  Task* task = nullptr;
  int prio = 0;                  // as it is sorted in: real-time waiters come first
  PiWaiter* pi = nullptr;        // who waits to be moved to a priority-inheriting futex,
  Key pi_key;                    // this one
  std::atomic<bool> woken{false};  // or moved there: it is in no bucket any more
};

// A list by hand: the buckets are global, and no constructor runs before the kernel does.
struct WaiterList {
  static constexpr int kAllFair = 100;  // the nice value does not count here
  FutexWaiter* first = nullptr;
  FutexWaiter* last = nullptr;
  // Behind all of its priority.
  void insert(FutexWaiter& waiter) {
    waiter.prio = std::min<int>(waiter.task->prio, kAllFair);
    FutexWaiter* before = last;
    while (before != nullptr && before->prio > waiter.prio) before = before->previous;
    waiter.previous = before;
    waiter.next = before != nullptr ? before->next : first;
    (before != nullptr ? before->next : first) = &waiter;
    (waiter.next != nullptr ? waiter.next->previous : last) = &waiter;
  }
  void erase(FutexWaiter& waiter) {
    (waiter.previous != nullptr ? waiter.previous->next : first) = waiter.next;
    (waiter.next != nullptr ? waiter.next->previous : last) = waiter.previous;
  }
};

struct Bucket {
  mutable IrqSpinLock lock{LockRank::futex_bucket};
  WaiterList waiters GUARDED_BY(lock);
};
Bucket& bucket_of(const Key& key);

// Queues the waiter if the word still holds `expected`, else EAGAIN.
Result<void> enqueue_if_equal(Bucket& bucket, FutexWaiter& waiter, UserAddr word,
                              uint32_t expected);
// The waiter leaves its bucket unless somebody took it out. False: it had been woken, or moved.
bool leave_queue(FutexWaiter& waiter);
// Sleeps until is_done(). `interrupted`: a signal came first; ETIMEDOUT.
template <class Condition>
Result<void> sleep_until(Condition&& is_done, Nanoseconds deadline, Errno interrupted) {
  Result<void> outcome;
  for (;;) {
    prepare_to_sleep(TaskState::interruptible);
    if (is_done()) break;
    if (sleep_is_interrupted()) {
      outcome = interrupted;
      break;
    }
    if (!schedule_until(deadline)) {
      outcome = Errno::timedout;
      break;
    }
  }
  finish_sleep();
  return outcome;
}

// Makes the word writable by writing what it holds; another thread's change in between is kept.
Result<void> make_writable(UserAddr word);
// Reads the word, handling a fault first if need be: the read under the bucket's lock may not.
Result<uint32_t> load_word(UserAddr word);

}  // namespace tine::futex
