// SPDX-License-Identifier: MIT
//
// What the files of ipc/ share: keys, the hash table of waiters, and a waiter itself.
#pragma once

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

struct FutexWaiter {
  FutexWaiter* next = nullptr;  // in its bucket
  FutexWaiter* previous = nullptr;
  Key key;
  uint32_t bitset = kMatchAny;
  Task* task = nullptr;
  std::atomic<bool> woken{false};
};

// A list by hand: the buckets are global, and no constructor runs before the kernel does.
struct WaiterList {
  FutexWaiter* first = nullptr;
  FutexWaiter* last = nullptr;
  void push_back(FutexWaiter& waiter) {
    waiter.previous = last;
    waiter.next = nullptr;
    (last != nullptr ? last->next : first) = &waiter;
    last = &waiter;
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

// Makes the word writable by writing what it holds; another thread's change in between is kept.
Result<void> make_writable(UserAddr word);
// Reads the word, handling a fault first if need be: the read under the bucket's lock may not.
Result<uint32_t> load_word(UserAddr word);

}  // namespace tine::futex
