// SPDX-License-Identifier: MIT
//
// Inode: a file as such, whatever its names: type, mode, owner, times, and the operations that its
// file system gives it. Superblock: one mounted instance of a file system.
//
// A file system derives from both and overrides what its files can do; everything else fails as
// Linux does where the operation is not offered. fs/synthetic.h has ready bases for /proc and such.
//
// Locks: operations on names (lookup, create, link, unlink, rename, read_directory) run under the
// superblock's tree_lock, so a file system needs none of its own for them. Contents and attributes
// are guarded by Inode::lock. Mode and owner are atomics, because the path walk reads them without.
// Owners: a Dentry or an open file keeps its inode; a Mount keeps the superblock, and whatever has a
// Path has a Mount, so an Inode may hold its superblock by plain reference.
#pragma once

#include <atomic>
#include <string_view>

#include "core/ref.h"
#include "core/result.h"
#include "fs/file.h"
#include "fs/stat.h"
#include "mm/heap.h"
#include "sync/mutex.h"

namespace tine::fs {

struct Path;
struct LinkTarget;
struct InodeLocks;
class Seals;
class Pipe;
class Superblock;

// What a new file is to be: mknod(2), mkdir(2), symlink(2), open(2) with O_CREAT.
struct NewInode {
  uint32_t mode = 0;             // type and permissions, umask applied
  KernelUid uid{};
  KernelGid gid{};
  uint64_t device = 0;           // of a device node
  std::string_view target;       // of a symbolic link
};

enum FallocateMode : int {  // FALLOC_FL_*
  kKeepSize = 1,
  kPunchHole = 2,
};

class Inode : public RefCounted<Inode>, public Reclaimable {
 public:
  Inode(Superblock& superblock, uint64_t number, uint32_t mode, KernelUid uid = {}, KernelGid gid = {});
  virtual ~Inode();
  // A path walk may still read its mode and owner, and nothing else.
  void last_ref_dropped() { destroy_and_reclaim_later(*this); }

  // Names; only directories override these. Under the tree lock.
  virtual Result<Ref<Inode>> lookup(std::string_view name);                        // ENOENT
  virtual Result<Ref<Inode>> create(std::string_view name, const NewInode& what);  // EPERM
  virtual Result<void> link(std::string_view name, Inode& target);                 // EPERM
  virtual Result<void> unlink(std::string_view name, Inode& victim);               // EPERM; also rmdir
  // `replaced` (may be null) loses its name; with `exchange` the two change places.
  virtual Result<void> rename(std::string_view from, Inode& moved, Inode& to_directory,
                              std::string_view to, Inode* replaced, bool exchange);  // EPERM
  // Entries from `position` on, which advances; "." and ".." are the caller's (positions 0 and 1).
  virtual Result<void> read_directory(const Path& self, DirectorySink& sink, int64_t& position);

  // Symbolic links. Where entries are pinned it is called under dentry_lock and must not sleep.
  virtual Result<void> read_link(LinkTarget& out);                                 // EINVAL

  // Opening. The base opens directories, fifos and device nodes; regular files become RegularFile.
  virtual Result<Ref<File>> open(const Path& path, uint32_t flags);

  // Contents of regular files (fs/opened_file.h: RegularFile calls them).
  virtual Result<size_t> read_at(IoBuffer& buffer, uint64_t offset);               // EINVAL
  virtual Result<size_t> write_at(IoBuffer& buffer, uint64_t& offset, bool append);// EINVAL
  virtual Result<void> allocate(int mode, uint64_t offset, uint64_t length);       // EOPNOTSUPP
  virtual Result<uint64_t> seek_data(uint64_t offset, bool hole);                  // EINVAL
  virtual Result<Ref<mm::MemoryObject>> memory_object();                           // ENODEV
  virtual uint64_t size() const { return 0; }
  // Files that can be sealed (fcntl(2)): their seals, which belong to `lock`. Null: it cannot be.
  virtual Seals* seals() { return nullptr; }
  // No new mapping writes to the contents. EBUSY: there is one, if none may be; ENOMEM.
  virtual Result<void> seal_writes(bool only_unmapped) REQUIRES(lock);             // EINVAL

  // Attributes. Permission has been checked.
  virtual void stat(StatData& out);
  virtual Result<void> set_attributes(const AttributeChange& change);
  // True when a cached entry for it must be looked up again (a process that is gone). Asked under
  // dentry_lock, only of inodes with may_go_stale: it must take no lock.
  virtual bool is_stale() { return false; }

  // Writers and deniers of writing exclude each other (ETXTBSY).
  virtual Result<void> get_write_access() { return {}; }
  virtual void put_write_access() {}
  // Of a process's directory in /proc: which pidfd_send_signal(2) takes for a pidfd.
  virtual Pid* process() { return nullptr; }

  Superblock& superblock() const { return superblock_; }
  uint64_t number() const { return number_; }
  uint32_t mode() const { return mode_.load(std::memory_order_relaxed); }
  uint32_t type() const { return type_of(mode()); }
  KernelUid uid() const { return KernelUid(uid_.load(std::memory_order_relaxed)); }
  KernelGid gid() const { return KernelGid(gid_.load(std::memory_order_relaxed)); }
  uint32_t link_count() const { return link_count_.load(std::memory_order_relaxed); }
  void set_mode(uint32_t mode) { mode_.store(mode, std::memory_order_relaxed); }
  void set_owner(KernelUid uid, KernelGid gid) {
    uid_.store(uid.value, std::memory_order_relaxed);
    gid_.store(gid.value, std::memory_order_relaxed);
  }
  void add_links(int change) { link_count_.fetch_add(change, std::memory_order_relaxed); }
  void touch_modified();         // mtime and ctime are now
  void touch_changed();          // ctime is now
  void touch_accessed(uint32_t open_flags);  // as relatime does

  Mutex lock{LockRank::inode};
  uint64_t special_device = 0;   // device nodes
  bool may_go_stale = false;
  std::atomic<Nanoseconds> access_time, modify_time, change_time;
  Nanoseconds birth_time;
  // Advisory locks (fs/file_locks.h), made on first use; the pipe of a fifo that is open.
  std::atomic<InodeLocks*> locks{nullptr};
  Pipe* pipe GUARDED_BY(lock) = nullptr;

 private:
  Superblock& superblock_;
  const uint64_t number_;
  std::atomic<uint32_t> mode_, uid_, gid_;
  std::atomic<uint32_t> link_count_{1};
};

class Superblock : public RefCounted<Superblock> {
 public:
  Superblock(const char* type, uint64_t magic_number);
  virtual ~Superblock() = default;
  void last_ref_dropped();       // drops all names first, while the derived class is still whole

  virtual void statfs(StatFs& out);
  virtual size_t write_options(std::span<char>) { return 0; }  // for /proc/mounts: ",size=..."

  // Called by the creator once: the root directory's inode. ENOMEM.
  Result<void> set_root(Ref<Inode> root);
  Dentry& root() const { return *root_; }
  uint64_t next_inode_number() { return next_number_.fetch_add(1, std::memory_order_relaxed); }

  const char* const type_name;
  const uint64_t magic;
  const uint64_t device;         // st_dev: major 0 and a number of its own
  // All names live in the dentry cache and nowhere else (tmpfs): a miss is an answer, entries stay
  // until they are unlinked. Otherwise entries go when nobody uses them, and lookup() makes them.
  bool entries_are_pinned = false;
  uint32_t name_max = 255;
  // Guards the names of this file system: taken for every change, and for a lookup that misses.
  Mutex tree_lock{LockRank::directory};

 private:
  Ref<Dentry> root_;
  std::atomic<uint64_t> next_number_{1};
};

// What the caller wants to do; also the bits of access(2).
enum AccessMask : uint32_t { kMayExecute = 1, kMayWrite = 2, kMayRead = 4 };
// EACCES unless the running task's fsuid, groups and capabilities allow it. Never sleeps.
Result<void> check_access(const Inode& inode, uint32_t mask);
// The running task owns the file or has CAP_FOWNER.
bool is_owner_or_capable(const Inode& inode);
// RLIMIT_FSIZE: cuts what would make the file longer. SIGXFSZ and EFBIG when nothing is left.
Result<uint64_t> length_within_limit(uint64_t offset, uint64_t length);
// Wall-clock time for file times.
Nanoseconds file_time_now();

}  // namespace tine::fs
