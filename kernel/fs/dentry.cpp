// SPDX-License-Identifier: MIT
//
// The dentry cache: one hash table over (parent, name) for all file systems, and the tree itself.
//
// Chains are kept short by doubling the table when it is as full as it is long; if there is no
// memory for that, chains grow instead. All of it is guarded by dentry_lock.
// A dentry whose last reference goes leaves the table by itself; because it needs dentry_lock for
// that, whoever holds the lock may look at any dentry it reaches, even one about to die.
#include "fs/dentry.h"

#include <cstring>

namespace tine::fs {

constinit SpinLock dentry_lock{LockRank::dentry_cache};

namespace {

constexpr size_t kInitialBuckets = 256;
constexpr size_t kMaxBuckets = 256 * 1024;  // 2 MiB of pointers
constinit Dentry* initial_buckets[kInitialBuckets] = {};
constinit Dentry** buckets GUARDED_BY(dentry_lock) = initial_buckets;
constinit size_t bucket_count GUARDED_BY(dentry_lock) = kInitialBuckets;
constinit size_t hashed_count GUARDED_BY(dentry_lock) = 0;

Dentry*& bucket_of(const Dentry* parent, uint32_t hash) REQUIRES(dentry_lock) {
  uint64_t mixed = (hash ^ reinterpret_cast<uintptr_t>(parent) >> 6) * 0x9e37'79b9'7f4a'7c15;
  return buckets[mixed >> 32 & (bucket_count - 1)];
}

// Doubles the table. The new one is allocated under the lock: allocation never sleeps.
void grow_table() REQUIRES(dentry_lock) {
  size_t new_count = bucket_count * 2;
  auto* grown = static_cast<Dentry**>(heap_allocate(new_count * sizeof(Dentry*)));
  if (grown == nullptr) return;
  std::memset(grown, 0, new_count * sizeof(Dentry*));
  Dentry** old_buckets = buckets;
  size_t old_count = bucket_count;
  buckets = grown;
  bucket_count = new_count;
  for (size_t i = 0; i < old_count; ++i) {
    for (Dentry* entry = old_buckets[i]; entry != nullptr;) {
      Dentry* next = entry->hash_next;
      Dentry*& head = bucket_of(entry->parent, entry->name_hash);
      entry->hash_next = head;
      head = entry;
      entry = next;
    }
  }
  if (old_buckets != initial_buckets) heap_free(old_buckets);
}

void hash_insert(Dentry& entry) REQUIRES(dentry_lock) {
  if (hashed_count >= bucket_count && bucket_count < kMaxBuckets) grow_table();
  Dentry*& head = bucket_of(entry.parent, entry.name_hash);
  entry.hash_next = head;
  head = &entry;
  entry.is_hashed = true;
  ++hashed_count;
}

void hash_remove(Dentry& entry) REQUIRES(dentry_lock) {
  if (!entry.is_hashed) return;
  Dentry** link = &bucket_of(entry.parent, entry.name_hash);
  while (*link != &entry) link = &(*link)->hash_next;
  *link = entry.hash_next;
  entry.is_hashed = false;
  --hashed_count;
}

void link_child(Dentry& parent, Dentry& entry) REQUIRES(dentry_lock) {
  entry.parent = &parent;
  parent.ref_get();
  entry.cookie = parent.next_cookie++;
  parent.children.push_back(entry);
  entry.is_child = true;
}

// Leaves its parent's list and the table; the reference on the parent stays with the entry.
void unlink_child(Dentry& entry) REQUIRES(dentry_lock) {
  hash_remove(entry);
  if (!entry.is_child) return;
  entry.parent->children.erase(entry.parent->children.iterator_to(entry));
  entry.is_child = false;
}

// A name's storage, made before anything is changed.
struct NameStorage {
  char* heap = nullptr;  // null: the name is short
  ~NameStorage() { if (heap != nullptr) heap_free(heap); }
  Result<void> prepare(std::string_view name) {
    if (name.size() <= Dentry::kInlineName) return {};
    heap = static_cast<char*>(heap_allocate(name.size()));
    if (heap == nullptr) return Errno::nomem;
    return {};
  }
  // Gives `entry` its name; what it had before stays here to be freed.
  void install(Dentry& entry, std::string_view name) {
    char* previous = entry.name_data == entry.inline_name ? nullptr : const_cast<char*>(entry.name_data);
    char* place = heap != nullptr ? heap : entry.inline_name;
    std::memmove(place, name.data(), name.size());
    entry.name_data = place;
    entry.name_length = static_cast<uint16_t>(name.size());
    entry.name_hash = hash_name(name);
    heap = previous;
  }
};

}  // namespace

uint32_t hash_name(std::string_view name) {
  uint64_t hash = name.size();
  const char* at = name.data();
  size_t left = name.size();
  for (; left >= 8; left -= 8, at += 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    hash = (hash ^ word) * 0x9ddf'ea08'eb38'2d69;
    hash ^= hash >> 32;
  }
  uint64_t tail = 0;
  for (size_t i = 0; i < left; ++i) tail = tail << 8 | static_cast<uint8_t>(at[i]);
  hash = (hash ^ tail) * 0x9ddf'ea08'eb38'2d69;
  return static_cast<uint32_t>(hash >> 32);
}

Dentry::~Dentry() {
  if (name_data != inline_name) heap_free(const_cast<char*>(name_data));
}

// Parents are let go in a loop, not by recursion: a tree can be deeper than the stack.
void Dentry::last_ref_dropped() {
  Dentry* dying = this;
  for (;;) {
    Dentry* kept_parent = dying->is_root() ? nullptr : dying->parent;
    {
      SpinGuard guard(dentry_lock);
      if (!dying->is_root()) unlink_child(*dying);
    }
    delete dying;
    if (kept_parent == nullptr || !kept_parent->ref_drop_is_last()) return;
    dying = kept_parent;
  }
}

Result<Ref<Dentry>> add_entry(Dentry& parent, std::string_view name, Ref<Inode> inode) {
  NameStorage storage;
  TRY(storage.prepare(name));
  Ref<Dentry> entry = TRY(make_ref<Dentry>());
  storage.install(*entry, name);
  bool pinned = inode->superblock().entries_are_pinned;
  entry->inode = std::move(inode);
  entry->parent = entry.get();  // until it is linked it is nobody's child
  SpinGuard guard(dentry_lock);
  if (parent.is_unlinked) return Errno::noent;
  link_child(parent, *entry);
  hash_insert(*entry);
  if (pinned) entry->ref_get();
  return entry;
}

Result<Ref<Dentry>> make_detached_entry(Dentry& parent, std::string_view name, Ref<Inode> inode) {
  NameStorage storage;
  TRY(storage.prepare(name));
  Ref<Dentry> entry = TRY(make_ref<Dentry>());
  storage.install(*entry, name);
  entry->inode = std::move(inode);
  entry->is_unlinked = true;
  entry->parent = &parent;
  parent.ref_get();
  return entry;
}

Result<void> remove_entry(Dentry& entry) {
  {
    SpinGuard guard(dentry_lock);
    if (entry.mounts_here != 0) return Errno::busy;
    if (!entry.children.empty()) return Errno::notempty;
    unlink_child(entry);
    entry.is_unlinked = true;
  }
  entry.ref_put();  // the pin; the caller has a reference of its own
  return {};
}

Result<void> move_entry(Dentry& entry, Dentry& new_parent, std::string_view name, Dentry* replaced,
                        bool exchange) {
  NameStorage new_name, swapped_name;
  TRY(new_name.prepare(name));
  Ref<Dentry> old_parent(*entry.parent);
  std::string_view old_name = entry.name();
  if (exchange) TRY(swapped_name.prepare(old_name));
  {
    SpinGuard guard(dentry_lock);
    if (new_parent.is_unlinked) return Errno::noent;
    if (entry.mounts_here != 0 || (replaced != nullptr && replaced->mounts_here != 0)) {
      return Errno::busy;
    }
    if (replaced != nullptr) {
      if (!exchange && !replaced->children.empty()) return Errno::notempty;
      unlink_child(*replaced);
      if (exchange) {
        swapped_name.install(*replaced, old_name);
      } else {
        replaced->is_unlinked = true;
      }
    }
    unlink_child(entry);
    if (exchange) {
      Dentry* other_parent = replaced->parent;
      link_child(*old_parent, *replaced);
      hash_insert(*replaced);
      other_parent->ref_put();  // `entry` is about to take one, and callers hold the directories
    }
    new_name.install(entry, name);
    link_child(new_parent, entry);
    hash_insert(entry);
  }
  old_parent->ref_put();  // what `entry` held of its old place
  if (replaced != nullptr && !exchange) replaced->ref_put();  // the pin
  return {};
}

Dentry* find_entry_locked(Dentry& parent, std::string_view name, uint32_t hash) {
  for (Dentry* entry = bucket_of(&parent, hash); entry != nullptr; entry = entry->hash_next) {
    if (entry->name_hash != hash || entry->parent != &parent || entry->name() != name) continue;
    if (entry->ref_count() == 0) continue;  // on its way out; a newer one may be here too
    if (entry->inode->may_go_stale && entry->inode->is_stale()) {
      hash_remove(*entry);
      return nullptr;
    }
    return entry;
  }
  return nullptr;
}

Result<Ref<Dentry>> lookup_entry(Dentry& parent, std::string_view name) {
  uint32_t hash = hash_name(name);
  {
    SpinGuard guard(dentry_lock);
    Dentry* entry = find_entry_locked(parent, name, hash);
    if (entry != nullptr && entry->ref_get_unless_zero()) return Ref<Dentry>::adopt(entry);
  }
  if (parent.inode->superblock().entries_are_pinned) return Errno::noent;
  return add_entry(parent, name, TRY(parent.inode->lookup(name)));
}

void drop_tree(Dentry& root) {
  for (;;) {
    Dentry* leaf = &root;
    {
      SpinGuard guard(dentry_lock);
      while (!leaf->children.empty()) leaf = &leaf->children.front();
      if (leaf == &root) return;
      unlink_child(*leaf);
      leaf->is_unlinked = true;
    }
    leaf->ref_put();
  }
}

}  // namespace tine::fs
