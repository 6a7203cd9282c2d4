// SPDX-License-Identifier: MIT
//
// Advisory locks, see file_locks.h. Lists are short, so they are searched from end to end; a lock
// that is set replaces what its owner had in the range, which may split an older one in two. The
// nodes this needs are made before anything is changed.
#include "fs/file_locks.h"

#include "fs/inode.h"

namespace tine::fs {

struct FileLock : HeapAllocated {
  static constexpr const char* kCacheName = "file_lock";
  FileLock* next = nullptr;
  LockKind kind = LockKind::record;
  const void* owner = nullptr;
  LockRange range;
};

constinit std::atomic<uint32_t> locks_in_use{0};

namespace {

constinit Mutex locks_mutex{LockRank::file_locks};

bool overlaps(const LockRange& a, const LockRange& b) { return a.start <= b.end && b.start <= a.end; }

void free_lock(FileLock* lock) {
  delete lock;
  locks_in_use.fetch_sub(1, std::memory_order_relaxed);
}

Result<FileLock*> make_lock() {
  auto made = make<FileLock>();
  if (!made) return Errno::nolck;
  locks_in_use.fetch_add(1, std::memory_order_relaxed);
  return made->leak();
}

FileLock* conflicting(InodeLocks& locks, LockKind kind, const void* owner, const LockRange& range)
    REQUIRES(locks_mutex) {
  for (FileLock* lock = locks.first; lock != nullptr; lock = lock->next) {
    if (lock->kind == kind && lock->owner != owner && overlaps(lock->range, range) &&
        (lock->range.exclusive || range.exclusive)) {
      return lock;
    }
  }
  return nullptr;
}

// Takes `range` out of the owner's locks. `spare` is used if one has to be split.
void carve(InodeLocks& locks, LockKind kind, const void* owner, const LockRange& range,
           FileLock*& spare) REQUIRES(locks_mutex) {
  for (FileLock** link = &locks.first; *link != nullptr;) {
    FileLock* lock = *link;
    if (lock->kind != kind || lock->owner != owner || !overlaps(lock->range, range)) {
      link = &lock->next;
      continue;
    }
    bool keeps_front = lock->range.start < range.start;
    bool keeps_back = lock->range.end > range.end;
    if (keeps_front && keeps_back) {
      FileLock* back = std::exchange(spare, nullptr);
      back->kind = kind;
      back->owner = owner;
      back->range = lock->range;
      back->range.start = range.end + 1;
      back->next = lock->next;
      lock->next = back;
      lock->range.end = range.start - 1;
      return;  // nothing else of the owner's overlaps
    }
    if (keeps_front) {
      lock->range.end = range.start - 1;
      link = &lock->next;
    } else if (keeps_back) {
      lock->range.start = range.end + 1;
      link = &lock->next;
    } else {
      *link = lock->next;
      free_lock(lock);
    }
  }
}

Result<InodeLocks*> locks_of(Inode& inode) REQUIRES(locks_mutex) {
  if (InodeLocks* made = inode.locks.load(std::memory_order_relaxed)) return made;
  auto made = make<InodeLocks>();
  if (!made) return Errno::nolck;
  inode.locks.store(made->get(), std::memory_order_release);
  return made->leak();
}

struct Spares {
  FileLock* first = nullptr;
  FileLock* second = nullptr;
  ~Spares() {
    if (first != nullptr) free_lock(first);
    if (second != nullptr) free_lock(second);
  }
};

void drop_all(File& file, LockKind kind, const void* owner) {
  Inode* inode = file.inode();
  if (inode == nullptr) return;
  InodeLocks* locks = inode->locks.load(std::memory_order_acquire);
  if (locks == nullptr) return;
  {
    MutexGuard guard(locks_mutex);
    FileLock* no_spare = nullptr;
    carve(*locks, kind, owner, LockRange{}, no_spare);
  }
  locks->waiters.wake_all();
}

}  // namespace

InodeLocks::~InodeLocks() {
  while (first != nullptr) free_lock(std::exchange(first, first->next));
}

Result<void> set_lock(Inode& inode, LockKind kind, const void* owner, const LockRange& range,
                      bool wait) {
  Spares spares;
  spares.first = TRY(make_lock());
  spares.second = TRY(make_lock());
  InodeLocks* locks;
  {
    MutexGuard guard(locks_mutex);
    locks = TRY(locks_of(inode));
  }
  bool taken = false;
  auto try_to_take = [&] {
    MutexGuard guard(locks_mutex);
    if (conflicting(*locks, kind, owner, range) != nullptr) return false;
    carve(*locks, kind, owner, range, spares.second);
    FileLock* lock = std::exchange(spares.first, nullptr);
    lock->kind = kind;
    lock->owner = owner;
    lock->range = range;
    lock->next = locks->first;
    locks->first = lock;
    return taken = true;
  };
  if (!try_to_take()) {
    if (!wait) return Errno::again;
    TRY(wait_event(locks->waiters, WaitKind::interruptible, [&] { return taken || try_to_take(); }));
  }
  locks->waiters.wake_all();  // an exclusive lock may have become shared
  return {};
}

Result<void> remove_lock(Inode& inode, LockKind kind, const void* owner, const LockRange& range) {
  InodeLocks* locks = inode.locks.load(std::memory_order_acquire);
  if (locks == nullptr) return {};
  Spares spares;
  spares.first = TRY(make_lock());
  {
    MutexGuard guard(locks_mutex);
    carve(*locks, kind, owner, range, spares.first);
  }
  locks->waiters.wake_all();
  return {};
}

bool find_conflict(Inode& inode, LockKind kind, const void* owner, LockRange& range) {
  InodeLocks* locks = inode.locks.load(std::memory_order_acquire);
  if (locks == nullptr) return false;
  MutexGuard guard(locks_mutex);
  FileLock* found = conflicting(*locks, kind, owner, range);
  if (found != nullptr) range = found->range;
  return found != nullptr;
}

void drop_record_locks(File& file, const void* owner) { drop_all(file, LockKind::record, owner); }
void drop_file_locks(File& file) {
  drop_all(file, LockKind::flock, &file);
  drop_all(file, LockKind::record, &file);
}

}  // namespace tine::fs
