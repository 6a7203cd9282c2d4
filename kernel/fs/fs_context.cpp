// SPDX-License-Identifier: MIT
//
// A task's root, cwd and umask: copies for fork, changes by chdir(2) and its kin. What a change
// replaces is let go outside the lock, because the last reference to a place may sleep.
#include "fs/fs_context.h"

namespace tine::fs {

void FsContext::set_root(Path path) {
  SpinGuard guard(lock);
  std::swap(root_, path);
}

void FsContext::set_cwd(Path path) {
  SpinGuard guard(lock);
  std::swap(cwd_, path);
}

void FsContext::replace(const Path& from, const Path& to) {
  Path new_root = to, new_cwd = to;  // hold what is replaced until the lock is free
  SpinGuard guard(lock);
  if (root_ == from) std::swap(root_, new_root);
  if (cwd_ == from) std::swap(cwd_, new_cwd);
}

Result<Ref<FsContext>> make_fs_context() {
  Path root{Ref<Mount>(root_mount()), root_mount().root};
  return make_ref<FsContext>(root, root, 022u);
}

Result<Ref<FsContext>> dup_fs_context(FsContext& old) {
  // Copied under one hold of the lock, so that the two paths belong together.
  Path root, cwd;
  {
    SpinGuard guard(old.lock);
    root = old.root_locked();
    cwd = old.cwd_locked();
  }
  return make_ref<FsContext>(std::move(root), std::move(cwd), old.umask());
}

}  // namespace tine::fs
