// SPDX-License-Identifier: MIT
//
// Changing the mount tree: bind mounts, moving, detaching, pivot_root(2). New mounts are complete
// before they are attached; a recursive bind that fails half-way is dropped as a whole.
// mount_mutex is held throughout, dentry_lock while links change; references that were the tree's
// are let go after both.
#include "fs/fs_context.h"
#include "fs/mount_internal.h"
#include "task/task.h"

namespace tine::fs {

namespace {

bool is_below(const Mount& mount, const Mount& ancestor) {
  for (const Mount* at = &mount; at != nullptr; at = at->parent) {
    if (at == &ancestor) return true;
  }
  return false;
}

// Takes a mount out of the tree. The tree's reference goes to the caller, as do those on the parent
// and the mount point.
struct Detached {
  Ref<Mount> mount, parent;
  Ref<Dentry> mount_point;
};

Detached unlink_locked(Mount& mount) REQUIRES(dentry_lock) {
  Detached out;
  unlink_mount(mount);
  mount.is_attached = false;
  out.parent = Ref<Mount>::adopt(mount.parent);
  set_link(mount.parent, nullptr);
  out.mount_point = std::move(mount.mount_point);
  out.mount = Ref<Mount>::adopt(&mount);
  return out;
}

void detach_one(Mount& mount) {
  Detached gone;
  SpinGuard guard(dentry_lock);
  TreeChange change;
  gone = unlink_locked(mount);
}

// The same, unless it is in use (EBUSY): something is mounted on it, or somebody besides the tree and
// the caller refers to it. A walk has taken its reference before, or sees that the tree has changed.
Result<void> detach_unused(Mount& mount) REQUIRES(mount_mutex) {
  Detached gone;
  SpinGuard guard(dentry_lock);
  TreeChange change;
  std::atomic_thread_fence(std::memory_order_seq_cst);  // the change has begun
  if (!mount.children.empty() || mount.ref_count() > 2) return Errno::busy;
  gone = unlink_locked(mount);
  return {};
}

// Deepest first, so that nothing is left hanging on a mount that is gone.
void detach_tree(Mount& top) REQUIRES(mount_mutex) {
  for (;;) {
    Mount* leaf = &top;
    while (!leaf->children.empty()) leaf = &leaf->children.front();
    bool last = leaf == &top;
    detach_one(*leaf);
    if (last) return;
  }
}

// Attaches copies of what is mounted below `from` at the same places of `copy`.
Result<void> copy_children(Mount& from, Mount& copy) REQUIRES(mount_mutex) {
  for (Mount& child : from.children) {
    Ref<Mount> twin = TRY(make_mount(child.superblock, child.root, child.flags, child.source));
    Mount& attached = *twin;
    TRY(attach(std::move(twin), {Ref<Mount>(copy), child.mount_point}));
    TRY(copy_children(child, attached));
  }
  return {};
}

}  // namespace

Result<void> bind_mount(const Path& from, const Path& to, bool recursive) {
  MutexGuard guard(mount_mutex);
  Ref<Mount> copy = TRY(make_mount(from.mount->superblock, from.dentry,
                                   from.mount->flags, from.mount->source));
  Mount& attached = *copy;
  // Copied before it is attached: what is being copied must not grow meanwhile.
  if (recursive && from.dentry == from.mount->root) {
    auto copied = copy_children(*from.mount, attached);
    if (!copied) {
      while (!attached.children.empty()) detach_tree(attached.children.front());
      return copied;
    }
  }
  auto outcome = attach(std::move(copy), to);
  return outcome;
}

Result<void> move_mount(const Path& from, const Path& to) {
  Detached old;
  MutexGuard guard(mount_mutex);
  if (from.dentry != from.mount->root || from.mount->parent == nullptr) return Errno::inval;
  if (is_below(*to.mount, *from.mount)) return Errno::loop;
  if (is_directory(to.inode().mode()) != is_directory(from.inode().mode())) return Errno::notdir;
  Mount& mount = *from.mount;
  SpinGuard walk_guard(dentry_lock);
  if (to.dentry->is_unlinked) return Errno::noent;
  if (mount_at(*to.mount, *to.dentry) != nullptr) return Errno::busy;
  TreeChange change;
  old = unlink_locked(mount);
  link_mount(mount, to);
  mount.is_attached = true;
  (void)old.mount.leak();  // it is the tree's again
  return {};
}

Result<void> detach_mount(Path what, bool lazy) {
  Ref<Mount> kept = what.mount;
  MutexGuard guard(mount_mutex);
  Mount& mount = *kept;
  if (what.dentry != mount.root || !mount.is_attached) return Errno::inval;
  if (mount.parent == nullptr) return lazy ? Errno::inval : Errno::busy;
  what = {};
  if (!lazy) return detach_unused(mount);
  detach_tree(mount);
  return {};
}

// The mount of new_root becomes the root of the tree; the old root hangs on put_old. Of the processes
// only the caller moves along; others go on seeing the old root where it now is.
Result<void> pivot_root(const Path& new_root, const Path& put_old) {
  Path old_root{Ref<Mount>(root_mount()), root_mount().root};
  {
    Detached gone;
    MutexGuard guard(mount_mutex);
    Mount& fresh = *new_root.mount;
    if (new_root.dentry != fresh.root || put_old.mount.get() != &fresh) return Errno::inval;
    if (fresh.parent == nullptr) return Errno::busy;  // it is the root
    SpinGuard walk_guard(dentry_lock);
    if (mount_at(fresh, *put_old.dentry) != nullptr) return Errno::busy;
    TreeChange change;
    gone = unlink_locked(fresh);
    fresh.is_attached = true;
    link_mount(*old_root.mount, put_old);
    // The tree holds one reference on each, as before: the root's passes to `fresh`.
    (void)exchange_root_mount(std::move(gone.mount)).leak();
  }
  current().fs->replace(old_root, new_root);
  return {};
}

}  // namespace tine::fs
