// SPDX-License-Identifier: MIT
//
// Advisory locks: record locks of processes (fcntl(2): F_SETLK and its kin) and flock(2)'s locks of
// open files. An inode's are in a list that is made when it is first locked.
//
// A record lock belongs to a descriptor table (POSIX: to a process) and goes with the first
// descriptor of the file that the process closes; flock's belong to the open file description.
// One mutex guards all locks of all inodes: they are rare. Waiting ends with EINTR at a signal; a
// deadlock among waiters is not detected, the wait can be interrupted.
#pragma once

#include "fs/file.h"
#include "mm/heap.h"

namespace tine::fs {

class FilesTable;
class Inode;

struct InodeLocks : HeapAllocated {
  static constexpr const char* kCacheName = "inode_locks";
  ~InodeLocks();
  struct FileLock* first = nullptr;
  WaitQueue waiters;
};

struct LockRange {
  uint64_t start = 0;
  uint64_t end = ~0ull;      // inclusive
  bool exclusive = false;
  int pid = 0;               // of the owner, for F_GETLK
};

// Process locks (owner: the descriptor table) and open-file-description locks (owner: the File).
enum class LockKind : uint8_t { record, flock };

// EAGAIN when another owner's lock is in the way and `wait` is false. ENOLCK (no memory).
Result<void> set_lock(Inode& inode, LockKind kind, const void* owner, const LockRange& range,
                      bool wait);
Result<void> remove_lock(Inode& inode, LockKind kind, const void* owner, const LockRange& range);
// The first lock that would be in the way; false: none.
bool find_conflict(Inode& inode, LockKind kind, const void* owner, LockRange& range);

extern std::atomic<uint32_t> locks_in_use;   // of all kinds: closing looks further only if not 0
inline bool record_locks_exist() { return locks_in_use.load(std::memory_order_relaxed) != 0; }
// At close(2): the table's record locks on the file. At the end of a File: those that it owns.
void drop_record_locks(File& file, const void* owner);
void drop_file_locks(File& file);

}  // namespace tine::fs
