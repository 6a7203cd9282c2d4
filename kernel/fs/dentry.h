// SPDX-License-Identifier: MIT
//
// Dentry: a name in a directory, and the cache of them that the path walk reads. Linux: dentry.
//
// One global spin lock, dentry_lock, guards the tree (parent, children, hash, mount flag) and so
// every step of a path walk: a walk over cached names takes it once and counts no references on the
// way. A dentry keeps its parent and its inode; the hash keeps nothing. On file systems whose
// entries are pinned each entry has one more reference, which unlinking drops.
// An entry that has been unlinked lives on unhashed for those who have it open (is_unlinked).
#pragma once

#include "core/list.h"
#include "core/ref.h"
#include "fs/inode.h"
#include "sync/spin_lock.h"

namespace tine::fs {

extern SpinLock dentry_lock;

struct Dentry : RefCounted<Dentry> {
  static constexpr const char* kCacheName = "dentry";
  static constexpr size_t kInlineName = 24;

  ~Dentry();
  void last_ref_dropped();

  std::string_view name() const { return {name_data, name_length}; }  // dentry_lock, or owner of tree_lock
  bool is_root() const { return parent == this; }

  // Guarded by dentry_lock; changed only with the superblock's tree_lock held too.
  Dentry* parent = nullptr;             // holds a reference unless it is itself
  Dentry* hash_next = nullptr;
  ListNode child_node;
  List<Dentry, &Dentry::child_node> children;
  int64_t cookie = 0;                   // position in the parent: grows from child to child
  int64_t next_cookie = 2;              // of the next child; 0 and 1 are "." and ".."
  uint32_t name_hash = 0;
  uint32_t mounts_here = 0;             // file systems mounted on it
  uint16_t name_length = 0;
  bool is_hashed = false;
  bool is_child = false;                // in its parent's list
  bool is_unlinked = false;             // has lost its name; nothing can be created in it

  Ref<Inode> inode;                     // never changes
  const char* name_data = inline_name;
  char inline_name[kInlineName];
};

// An entry for `inode` named `name` in `parent`, visible at once. The caller holds tree_lock.
// ENOMEM; ENOENT when the parent has been removed.
Result<Ref<Dentry>> add_entry(Dentry& parent, std::string_view name, Ref<Inode> inode);
// An entry that no walk finds, as if it had been unlinked at once: memfds. ENOMEM.
Result<Ref<Dentry>> make_detached_entry(Dentry& parent, std::string_view name, Ref<Inode> inode);
// Removes it from the cache; a directory only if it is empty (ENOTEMPTY). Under tree_lock.
Result<void> remove_entry(Dentry& entry);
// Moves `entry` to `new_parent`/`name`, in place of `replaced` (may be null), which is removed, or
// with `exchange` takes entry's old place. Under tree_lock. ENOMEM before anything has changed.
Result<void> move_entry(Dentry& entry, Dentry& new_parent, std::string_view name, Dentry* replaced,
                        bool exchange);

uint32_t hash_name(std::string_view name);
// Of the cache alone. A stale entry is not found.
Dentry* find_entry_locked(Dentry& parent, std::string_view name, uint32_t hash) REQUIRES(dentry_lock);
// Cache first, then the file system. Under tree_lock. ENOENT.
Result<Ref<Dentry>> lookup_entry(Dentry& parent, std::string_view name);
// Drops a whole tree of pinned entries: the end of a superblock.
void drop_tree(Dentry& root);

}  // namespace tine::fs
