// SPDX-License-Identifier: MIT
//
// FsContext: root, working directory and umask of a task (Linux: fs_struct); shared by CLONE_FS,
// else copied at fork (B36, B37).
//
// The lock guards the two paths against other threads; umask is one word.
#pragma once

#include <atomic>

#include "fs/fs.h"
#include "fs/mount.h"
#include "sync/spin_lock.h"

namespace tine::fs {

class FsContext : public RefCounted<FsContext> {
 public:
  static constexpr const char* kCacheName = "fs_cache";
  FsContext(Path root, Path cwd, uint32_t umask)
      : umask_(umask), root_(std::move(root)), cwd_(std::move(cwd)) {}

  Path root() const { SpinGuard guard(lock); return root_; }
  Path cwd() const { SpinGuard guard(lock); return cwd_; }
  void set_root(Path path);       // drops the old one outside the lock
  void set_cwd(Path path);
  // pivot_root(2): contexts at `from` move to `to`.
  void replace(const Path& from, const Path& to);
  uint32_t umask() const { return umask_.load(std::memory_order_relaxed); }
  uint32_t set_umask(uint32_t mask) { return umask_.exchange(mask, std::memory_order_relaxed); }

  // For the path walk, which goes on under dentry_lock without taking references.
  const Path& root_locked() const REQUIRES(lock) { return root_; }
  const Path& cwd_locked() const REQUIRES(lock) { return cwd_; }
  mutable SpinLock lock{LockRank::fs_context};

 private:
  std::atomic<uint32_t> umask_;
  Path root_ GUARDED_BY(lock);
  Path cwd_ GUARDED_BY(lock);
};

}  // namespace tine::fs
