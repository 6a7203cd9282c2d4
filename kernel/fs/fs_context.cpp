// SPDX-License-Identifier: MIT
//
// A task's root, cwd and umask: copies for fork, changes by chdir(2) and its kin. What a change
// replaces is let go outside the lock, because the last reference to a place may sleep.
#include "fs/fs_context.h"

namespace tine::fs {

// `path` becomes what the place was.
void FsContext::change(Place& place, Path& path) {
  sequence_.begin_change();
  path = place.exchange(std::move(path));
  sequence_.end_change();
}

void FsContext::set_root(Path path) {
  SpinGuard guard(lock);
  change(root_, path);
}

void FsContext::set_cwd(Path path) {
  SpinGuard guard(lock);
  change(cwd_, path);
}

void FsContext::replace(const Path& from, const Path& to) {
  Path new_root = to, new_cwd = to;  // hold what is replaced until the lock is free
  SpinGuard guard(lock);
  if (root_.is(from)) change(root_, new_root);
  if (cwd_.is(from)) change(cwd_, new_cwd);
}

Result<Ref<FsContext>> FsContext::copy() const {
  Path root, cwd;
  {
    SpinGuard guard(lock);
    root = root_.path();
    cwd = cwd_.path();
  }
  return make_ref<FsContext>(std::move(root), std::move(cwd), umask());
}

Result<Ref<FsContext>> make_fs_context() {
  Path root{Ref<Mount>(root_mount()), root_mount().root};
  return make_ref<FsContext>(root, root, 022u);
}

Result<Ref<FsContext>> dup_fs_context(FsContext& old) { return old.copy(); }

}  // namespace tine::fs
