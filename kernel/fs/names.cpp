// SPDX-License-Identifier: MIT
//
// Changes of names, see names.h. The tree_lock of the one file system concerned is held from the
// first look-up to the last change; entries that lose their last reference are let go after it, as
// freeing a large file takes long.
#include "fs/names.h"

#include "task/task.h"

namespace tine::fs {

namespace {

Result<void> check_changeable(const Path& directory) {
  TRY(check_mount_writable(*directory.mount));
  return check_access(directory.inode(), kMayWrite | kMayExecute);
}

bool is_dot_or_dotdot(std::string_view name) { return name == "." || name == ".."; }

bool is_ancestor_locked(const Dentry& ancestor, const Dentry& entry) REQUIRES(dentry_lock) {
  for (const Dentry* at = &entry;; at = at->parent) {
    if (at == &ancestor) return true;
    if (at->is_root()) return false;
  }
}

bool is_ancestor(const Dentry& ancestor, const Dentry& entry) {
  SpinGuard guard(dentry_lock);
  return is_ancestor_locked(ancestor, entry);
}

}  // namespace

Result<void> check_removable(const Inode& directory, const Inode& victim) {
  if (!(directory.mode() & kSticky)) return {};
  KernelUid self = current().creds().fsuid;
  if (self == victim.uid() || self == directory.uid()) return {};
  if (has_capability(current().creds(), kCapFowner)) return {};
  return Errno::perm;
}

Result<Path> create_name(const Path& directory, std::string_view name, NewInode what) {
  Inode& parent = directory.inode();
  MutexGuard guard(parent.superblock().tree_lock);
  auto existing = lookup_entry(*directory.dentry, name);
  if (existing) return Errno::exist;
  if (existing.error() != Errno::noent) return existing.error();
  TRY(check_changeable(directory));
  if (current().real_creds) {
    const Creds& creds = current().creds();
    what.uid = creds.fsuid;
    what.gid = creds.fsgid;
    if (parent.mode() & kSetGid) {
      what.gid = parent.gid();
      if (is_directory(what.mode)) what.mode |= kSetGid;
    }
  }
  Ref<Inode> inode = TRY(parent.create(name, what));
  auto entry = add_entry(*directory.dentry, name, inode);
  if (!entry) {
    (void)parent.unlink(name, *inode);
    return entry.error();
  }
  return Path{directory.mount, std::move(*entry)};
}

Result<void> link_name(const Path& target, const Path& directory, std::string_view name) {
  Inode& parent = directory.inode();
  MutexGuard guard(parent.superblock().tree_lock);
  auto existing = lookup_entry(*directory.dentry, name);
  if (existing) return Errno::exist;
  if (existing.error() != Errno::noent) return existing.error();
  TRY(check_changeable(directory));
  if (target.mount != directory.mount) return Errno::xdev;
  Inode& inode = target.inode();
  if (is_directory(inode.mode())) return Errno::perm;
  if (inode.link_count() == 0) return Errno::noent;
  TRY(parent.link(name, inode));
  auto entry = add_entry(*directory.dentry, name, Ref<Inode>(inode));
  if (!entry) {
    (void)parent.unlink(name, inode);
    return entry.error();
  }
  return {};
}

Result<void> unlink_name(const ParentPath& where) {
  if (where.is_root || is_dot_or_dotdot(where.name)) return Errno::isdir;
  Ref<Dentry> entry;  // outlives the lock
  Inode& parent = where.directory.inode();
  MutexGuard guard(parent.superblock().tree_lock);
  TRY(check_access(parent, kMayExecute));
  entry = TRY(lookup_entry(*where.directory.dentry, where.name));
  Inode& inode = *entry->inode;
  if (where.trailing_slash) return is_directory(inode.mode()) ? Errno::isdir : Errno::notdir;
  TRY(check_changeable(where.directory));
  TRY(check_removable(parent, inode));
  if (is_directory(inode.mode())) return Errno::isdir;
  TRY(parent.unlink(where.name, inode));
  TRY(remove_entry(*entry));
  return {};
}

Result<void> remove_directory(const ParentPath& where) {
  if (where.is_root) return Errno::busy;
  if (where.name == ".") return Errno::inval;
  if (where.name == "..") return Errno::notempty;
  Ref<Dentry> entry;
  Inode& parent = where.directory.inode();
  MutexGuard guard(parent.superblock().tree_lock);
  TRY(check_access(parent, kMayExecute));
  entry = TRY(lookup_entry(*where.directory.dentry, where.name));
  Inode& inode = *entry->inode;
  TRY(check_changeable(where.directory));
  TRY(check_removable(parent, inode));
  if (!is_directory(inode.mode())) return Errno::notdir;
  if (!inode.superblock().entries_are_pinned) return Errno::perm;
  TRY(remove_entry(*entry));  // first: it is what knows whether the directory is empty
  return parent.unlink(where.name, inode);
}

namespace {

// The rules of rename(2) about what may replace what.
Result<void> check_replacement(const Inode& moved, const Inode& replaced, uint32_t flags) {
  if (flags & kRenameNoReplace) return Errno::exist;
  if (flags & kRenameExchange) return {};
  bool moved_is_directory = is_directory(moved.mode());
  bool replaced_is_directory = is_directory(replaced.mode());
  if (moved_is_directory && !replaced_is_directory) return Errno::notdir;
  if (!moved_is_directory && replaced_is_directory) return Errno::isdir;
  return {};
}

}  // namespace

Result<void> rename_name(const ParentPath& from, const ParentPath& to, uint32_t flags) {
  if (from.directory.mount != to.directory.mount) return Errno::xdev;
  if (from.is_root || to.is_root || is_dot_or_dotdot(from.name) || is_dot_or_dotdot(to.name)) {
    return flags & kRenameNoReplace && is_dot_or_dotdot(to.name) ? Errno::exist : Errno::busy;
  }
  Ref<Dentry> moved, replaced;  // outlive the lock
  Inode& old_parent = from.directory.inode();
  Inode& new_parent = to.directory.inode();
  MutexGuard guard(old_parent.superblock().tree_lock);
  TRY(check_access(old_parent, kMayExecute));
  TRY(check_access(new_parent, kMayExecute));
  moved = TRY(lookup_entry(*from.directory.dentry, from.name));
  Inode& inode = *moved->inode;
  auto target = lookup_entry(*to.directory.dentry, to.name);
  if (target) replaced = std::move(*target);
  else if (target.error() != Errno::noent) return target.error();
  if (!replaced && (flags & kRenameExchange)) return Errno::noent;
  if (replaced && (flags & kRenameNoReplace)) return Errno::exist;
  if (!is_directory(inode.mode())) {
    if (from.trailing_slash || (to.trailing_slash && !(flags & kRenameExchange))) {
      return Errno::notdir;
    }
  }
  // Neither may end up inside itself; a target above the source cannot be empty.
  if (is_ancestor(*moved, *to.directory.dentry)) return Errno::inval;
  if (replaced && is_ancestor(*replaced, *from.directory.dentry)) {
    return flags & kRenameExchange ? Errno::inval : Errno::notempty;
  }
  TRY(check_changeable(from.directory));
  TRY(check_changeable(to.directory));
  TRY(check_removable(old_parent, inode));
  if (&old_parent != &new_parent && is_directory(inode.mode())) {
    TRY(check_access(inode, kMayWrite));  // its ".." changes
  }
  if (replaced) {
    TRY(check_removable(new_parent, *replaced->inode));
    TRY(check_replacement(inode, *replaced->inode, flags));
    if (replaced->inode.get() == &inode) return {};  // two names of one file: nothing happens
  }
  bool exchange = flags & kRenameExchange;
  Dentry* replaced_entry = replaced.get();
  if (!inode.superblock().entries_are_pinned) return Errno::perm;
  TRY(move_entry(*moved, *to.directory.dentry, to.name, replaced_entry, exchange));
  return old_parent.rename(from.name, inode, new_parent, to.name,
                           replaced_entry != nullptr ? replaced_entry->inode.get() : nullptr,
                           exchange);
}

}  // namespace tine::fs
