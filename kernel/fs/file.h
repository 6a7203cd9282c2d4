// SPDX-License-Identifier: MIT
//
// File: an open file description (open(2)): what a descriptor refers to, with its offset and status
// flags, shared by dup and fork. Subclasses are regular files, directories, pipes, ttys, /proc
// entries, pidfds and so on.
//
// Reference-counted; the last close destroys it (virtual destructor). Methods may sleep. Threads look
// their descriptors up without a lock: of a file that such a table has had only the memory stays,
// with a count of zero, until no lookup can see it (fs/descriptor_tree.h).
#pragma once

#include <atomic>
#include <span>
#include <string_view>

#include "core/ref.h"
#include "core/result.h"
#include "core/types.h"
#include "mm/user_memory.h"
#include "sync/hint.h"
#include "sync/mutex.h"
#include "sync/reclaim.h"
#include "sync/wait_queue.h"

namespace tine {
struct Pid;
}
namespace tine::mm {
class MemoryObject;
class MapName;
}  // namespace tine::mm

namespace tine::fs {

struct Dentry;
class Inode;
struct Path;
struct StatData;
struct EpollLinks;

// open(2) flags and poll(2) events with Linux's values.
enum OpenFlags : uint32_t {
  kAccessMode = 3, kReadOnly = 0, kWriteOnly = 1, kReadWrite = 2,
  kCreate = 0100, kExclusive = 0200, kNoCtty = 0400, kTruncate = 01000, kAppend = 02000,
  kNonBlock = 04000, kDsync = 010000, kAsync = 020000, kDirect = 040000, kLargeFile = 0100000,
  kDirectory = 0200000, kNoFollow = 0400000, kNoAtime = 01000000, kCloseOnExec = 02000000,
  kSync = 04010000, kPath = 010000000, kTmpfile = 020200000,
};
enum PollEvents : uint32_t {
  kPollIn = 1, kPollPri = 2, kPollOut = 4, kPollErr = 8, kPollHup = 16, kPollNval = 32,
  kPollRdNorm = 64, kPollRdBand = 128, kPollWrNorm = 256, kPollWrBand = 512, kPollRdHup = 0x2000,
};

// Collects the wait queues that a poll must sleep on; see fs/poll.h. Null: only tell the state.
class PollTable {
 public:
  virtual void wait_on(WaitQueue& queue) = 0;

 protected:
  ~PollTable() = default;
};

// Receives directory entries for getdents64(2); false: no room for this one.
class DirectorySink {
 public:
  virtual bool entry(std::string_view name, uint64_t inode_number, uint8_t type, int64_t next_offset) = 0;

 protected:
  ~DirectorySink() = default;
};

class File : public RefCounted<File>, public Reclaimable {
 public:
  explicit File(uint32_t open_flags) : flags_(open_flags) {}
  virtual ~File() = default;

  // Transfer at `position`, which advances by what was moved. Streams ignore it.
  virtual Result<size_t> read(IoBuffer& buffer, uint64_t& position);    // default: EINVAL
  virtual Result<size_t> write(IoBuffer& buffer, uint64_t& position);   // default: EINVAL
  virtual Result<uint64_t> seek(int64_t offset, int whence);            // default: ESPIPE
  virtual Result<long> ioctl(uint32_t command, uint64_t argument);      // default: ENOTTY
  virtual uint32_t poll(PollTable* table);                              // default: always ready
  virtual Result<void> read_directory(DirectorySink& sink);             // default: ENOTDIR
  // What mmap(2) maps; ENODEV by default.
  virtual Result<Ref<mm::MemoryObject>> memory_object();
  virtual Result<void> stat(StatData& out) = 0;
  virtual Inode* inode() { return nullptr; }
  virtual Dentry* dentry() { return nullptr; }                          // where it was opened
  virtual const Path* path() { return nullptr; }                        // the same, with its mount
  virtual Ref<mm::MapName> map_name();                                    // null by default
  virtual size_t write_description(std::span<char> out) = 0;            // readlink of /proc/PID/fd/N
  // Another description of what this one, which has no name, refers to: opening /proc/PID/fd/N.
  virtual Result<Ref<File>> reopen(uint32_t flags);                     // default: ENXIO
  virtual bool is_seekable() const { return false; }
  virtual class Pipe* pipe() { return nullptr; }
  virtual bool is_epoll() const { return false; }
  // False for regular files and directories, which are always ready and so no use to epoll.
  virtual bool can_poll() const { return true; }
  virtual Pid* pidfd_target() { return nullptr; }                       // a pidfd's process
  Pid* signal_target();  // that, or of an open /proc/PID its process

  uint32_t flags() const { return flags_.load(std::memory_order_relaxed); }
  void set_flags(uint32_t flags) { flags_.store(flags, std::memory_order_relaxed); }
  bool is_readable() const { return (flags() & kAccessMode) != kWriteOnly && !(flags() & kPath); }
  bool is_writable() const { return (flags() & kAccessMode) != kReadOnly && !(flags() & kPath); }
  bool is_nonblocking() const { return flags() & kNonBlock; }

  // Leaves the epoll sets that watch it, then destroys.
  void last_ref_dropped();
  // Lookups may find it although its references go: said before one is dropped, and kept for good.
  void keep_memory_for_lookups() const { is_looked_at_.store(true, std::memory_order_relaxed); }

  Mutex position_lock{LockRank::file_position};
  Hint<uint64_t> position;  // changes under the lock; /proc/PID/fdinfo looks without it
  // The epoll sets that watch this file (fs/epoll.cpp); null for almost every file.
  std::atomic<EpollLinks*> epoll_links{nullptr};

 private:
  std::atomic<uint32_t> flags_;
  mutable std::atomic<bool> is_looked_at_{false};
};

}  // namespace tine::fs
