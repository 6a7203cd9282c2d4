// SPDX-License-Identifier: MIT
//
// FsContext: root, working directory and umask of a task (Linux: fs_struct); shared by CLONE_FS,
// else copied at fork (B36, B37).
//
// The lock guards the two places against other threads who change them; umask is one word. The path
// walk reads them without, under a LookupGuard: they belong together by a sequence count, and what
// leaves the context keeps its memory (fs/dentry.h).
#pragma once

#include <atomic>

#include "fs/fs.h"
#include "fs/mount.h"
#include "sync/link.h"
#include "sync/sequence_lock.h"
#include "sync/spin_lock.h"

namespace tine::fs {

class FsContext : public RefCounted<FsContext> {
 public:
  static constexpr const char* kCacheName = "fs_cache";
  FsContext(Path root, Path cwd, uint32_t umask)
      : umask_(umask), root_(std::move(root)), cwd_(std::move(cwd)) {}

  Path root() const { SpinGuard guard(lock); return root_.path(); }
  Path cwd() const { SpinGuard guard(lock); return cwd_.path(); }
  void set_root(Path path);       // drops the old one outside the lock
  void set_cwd(Path path);
  // pivot_root(2): contexts at `from` move to `to`.
  void replace(const Path& from, const Path& to);
  // For fork: both as they were at one moment.
  Result<Ref<FsContext>> copy() const;
  uint32_t umask() const { return umask_.load(std::memory_order_relaxed); }
  uint32_t set_umask(uint32_t mask) { return umask_.exchange(mask, std::memory_order_relaxed); }

  // For the path walk: under a LookupGuard, or the lock. Not counted.
  struct Places {
    Mount* root_mount;
    Dentry* root;
    Mount* cwd_mount;
    Dentry* cwd;
    bool operator==(const Places&) const = default;
  };
  Places look() const NO_THREAD_SAFETY_ANALYSIS {
    for (;;) {
      const uint32_t since = sequence_.begin_read();
      const Places seen{root_.mount(), root_.dentry(), cwd_.mount(), cwd_.dentry()};
      if (sequence_.is_unchanged(since)) [[likely]] return seen;
    }
  }
  mutable SpinLock lock{LockRank::fs_context};

 private:
  // A Path whose pointers are links.
  class Place {
   public:
    explicit Place(Path path) : mount_(path.mount.leak()), dentry_(path.dentry.leak()) {}
    ~Place() {
      dentry_->ref_put();
      mount_->ref_put();
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    Mount* mount() const { return load_link(mount_); }
    Dentry* dentry() const { return load_link(dentry_); }
    Path path() const { return {Ref<Mount>(*mount_), Ref<Dentry>(*dentry_)}; }
    bool is(const Path& path) const {
      return mount_ == path.mount.get() && dentry_ == path.dentry.get();
    }
    // Gives what it was.
    Path exchange(Path path) {
      Path before{Ref<Mount>::adopt(mount_), Ref<Dentry>::adopt(dentry_)};
      set_link(mount_, path.mount.leak());
      set_link(dentry_, path.dentry.leak());
      return before;
    }

   private:
    Mount* mount_;
    Dentry* dentry_;
  };
  void change(Place& place, Path& path) REQUIRES(lock);

  SequenceCount sequence_;        // changed under the lock
  std::atomic<uint32_t> umask_;
  Place root_ GUARDED_BY(lock);
  Place cwd_ GUARDED_BY(lock);
};

}  // namespace tine::fs
