// SPDX-License-Identifier: MIT
//
// Dentry: a name in a directory, and the cache of them that the path walk reads. Linux: dentry.
//
// One global spin lock, dentry_lock, guards the tree (parent, children, hash, mounts) against others
// who change it. The path walk reads it without, under a LookupGuard: links and names may change under
// it, so what it came by counts only if tree_sequence has not changed, which moves count (renames,
// mounts, a table of another size; not entries that come or go, each at a moment of its own).
// A dentry keeps its parent and its inode; the hash keeps nothing. On file systems whose entries are
// pinned each entry has one more reference, which unlinking drops. Dentries, inodes and mounts end
// with their last reference; their memory, and names, stay until no lookup can see them.
// An entry that has been unlinked lives on unhashed for those who have it open (is_unlinked).
#pragma once

#include "core/list.h"
#include "core/ref.h"
#include "fs/inode.h"
#include "sync/link.h"
#include "sync/sequence_lock.h"
#include "sync/spin_lock.h"

namespace tine::fs {

struct Mount;

extern SpinLock dentry_lock;
extern SequenceCount tree_sequence;  // changed under dentry_lock

// Around what a path walk must not see half of.
class TreeChange {
 public:
  TreeChange() REQUIRES(dentry_lock) { tree_sequence.begin_change(); }
  ~TreeChange() { tree_sequence.end_change(); }
  TreeChange(const TreeChange&) = delete;
  TreeChange& operator=(const TreeChange&) = delete;
};

// A name never changes, since lookups compare it without a lock: a rename gives the entry another.
struct EntryName {
  static constexpr size_t kInline = 18;
  std::string_view view() const { return {text, length}; }

  uint32_t hash;
  uint16_t length;
  char text[kInline];  // of a name with memory of its own as long as it takes
};

struct Dentry : Reclaimable, RefCounted<Dentry> {
  static constexpr const char* kCacheName = "dentry";

  Dentry() {}  // not defaulted: that would clear the name's place first
  ~Dentry();
  void last_ref_dropped();

  const EntryName& entry_name() const { return *load_link(name_link); }
  std::string_view name() const { return entry_name().view(); }  // dentry_lock, or owner of tree_lock
  bool is_root() const { return parent == this; }

  bool entries_are_pinned = false;      // never changes: as Superblock's, for who cannot keep that one
  // Guarded by dentry_lock; changed only with the superblock's tree_lock held too. Lookups follow
  // the links.
  bool is_hashed = false;
  bool is_child = false;                // in its parent's list
  bool is_unlinked = false;             // has lost its name; nothing can be created in it
  Dentry* parent = nullptr;             // link; holds a reference unless it is itself
  Dentry* hash_next = nullptr;          // link
  Mount* first_mount = nullptr;         // link: of the file systems mounted on it, by any way to it
  const EntryName* name_link = nullptr; // link
  ListNode child_node;
  List<Dentry, &Dentry::child_node> children;
  int64_t cookie = 0;                   // position in the parent: grows from child to child
  int64_t next_cookie = 2;              // of the next child; 0 and 1 are "." and ".."

  // Never change.
  Ref<Inode> inode;
  EntryName inline_name;
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

// Of the cache alone, under dentry_lock or a LookupGuard. An entry that is found may be dying.
Dentry* find_entry(const Dentry& parent, std::string_view name);
// The same, without those that have gone stale.
Dentry* find_entry_locked(Dentry& parent, std::string_view name) REQUIRES(dentry_lock);
// Cache first, then the file system. Under tree_lock. ENOENT.
Result<Ref<Dentry>> lookup_entry(Dentry& parent, std::string_view name);
// Drops a whole tree of pinned entries: the end of a superblock.
void drop_tree(Dentry& root);

}  // namespace tine::fs
