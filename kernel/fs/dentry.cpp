// SPDX-License-Identifier: MIT
//
// The dentry cache: one hash table over (parent, name) for all file systems, and the tree itself.
//
// Chains are kept short by doubling the table when it is as full as it is long; if there is no
// memory for that, chains grow instead. All of it is changed under dentry_lock. A lookup without it
// may stray from one chain to another, or meet entries that have just gone: it ends, for chains do,
// and what it says counts only while tree_sequence stays.
// A dentry whose last reference goes leaves the table by itself; because it needs dentry_lock for
// that, whoever holds the lock may look at any dentry it reaches, even one about to die.
#include "fs/dentry.h"

#include <cstddef>
#include <cstring>

namespace tine::fs {

constinit SpinLock dentry_lock{LockRank::dentry_cache};
constinit SequenceCount tree_sequence;

namespace {

constexpr size_t kInitialBuckets = 256;
constexpr size_t kMaxBuckets = 256 * 1024;  // 2 MiB of pointers

struct NameTable {
  Dentry*& bucket(uint64_t index) const { return buckets[index & (bucket_count - 1)]; }

  Reclaimable memory;
  Dentry** buckets;  // heads of the chains: links
  size_t bucket_count;
};
constinit Dentry* initial_buckets[kInitialBuckets] = {};
constinit NameTable initial_table{{}, initial_buckets, kInitialBuckets};
constinit NameTable* name_table = &initial_table;  // link
constinit size_t hashed_count GUARDED_BY(dentry_lock) = 0;

template <class T>
uint64_t load_unaligned(const char* from) {
  T value;
  __builtin_memcpy(&value, from, sizeof value);  // one instruction, where memcpy() would be a call
  return value;
}

uint32_t hash_name(std::string_view name) {
  constexpr uint64_t kMixer = 0x9ddf'ea08'eb38'2d69;
  uint64_t hash = name.size();
  const char* at = name.data();
  size_t left = name.size();
  for (; left >= 8; left -= 8, at += 8) {
    hash = (hash ^ load_unaligned<uint64_t>(at)) * kMixer;
    hash ^= hash >> 32;
  }
  // Each byte of the rest at least once.
  uint64_t tail = 0;
  if (left >= 4) {
    tail = load_unaligned<uint32_t>(at) << 32 | load_unaligned<uint32_t>(at + left - 4);
  } else if (left != 0) {
    tail = load_unaligned<uint8_t>(at) << 16 | load_unaligned<uint8_t>(at + left / 2) << 8 |
           load_unaligned<uint8_t>(at + left - 1);
  }
  return static_cast<uint32_t>((hash ^ tail) * kMixer >> 32);
}

Dentry*& bucket_of(const NameTable& table, const Dentry* parent, uint32_t hash) {
  uint64_t mixed = (hash ^ reinterpret_cast<uintptr_t>(parent) >> 6) * 0x9e37'79b9'7f4a'7c15;
  return table.bucket(mixed >> 32);
}

void push(Dentry*& head, Dentry& entry) REQUIRES(dentry_lock) {
  set_link(entry.hash_next, head);
  set_link(head, &entry);
}

// Before one more name than there are: doubles the table if it is full. The new one is allocated
// under the lock: allocation never sleeps.
void make_room_in_table() REQUIRES(dentry_lock) {
  NameTable& old = *name_table;
  const size_t new_count = old.bucket_count * 2;
  if (hashed_count < old.bucket_count || new_count > kMaxBuckets) [[likely]] return;
  auto* grown = static_cast<NameTable*>(heap_allocate(sizeof(NameTable)));
  if (grown == nullptr) return;
  auto** buckets = static_cast<Dentry**>(heap_allocate(new_count * sizeof(Dentry*)));
  if (buckets == nullptr) return heap_free(grown);
  std::memset(buckets, 0, new_count * sizeof(Dentry*));
  new (grown) NameTable{{}, buckets, new_count};
  TreeChange change;
  for (size_t i = 0; i < old.bucket_count; ++i) {
    for (Dentry* entry = old.bucket(i); entry != nullptr;) {
      Dentry* next = entry->hash_next;
      push(bucket_of(*grown, entry->parent, entry->entry_name().hash), *entry);
      entry = next;
    }
  }
  set_link(name_table, grown);
  if (&old == &initial_table) return;
  reclaim_later(old.memory, [](Reclaimable& memory) {
    heap_free(reinterpret_cast<NameTable&>(memory).buckets);
    heap_free(&memory);
  });
}

void hash_insert(Dentry& entry) REQUIRES(dentry_lock) {
  push(bucket_of(*name_table, entry.parent, entry.entry_name().hash), entry);
  entry.is_hashed = true;
  ++hashed_count;
}

// Keeps its own link: a lookup may stand on it.
void hash_remove(Dentry& entry) REQUIRES(dentry_lock) {
  if (!entry.is_hashed) return;
  Dentry** link = &bucket_of(*name_table, entry.parent, entry.entry_name().hash);
  while (*link != &entry) link = &(*link)->hash_next;
  set_link(*link, entry.hash_next);
  entry.is_hashed = false;
  --hashed_count;
}

void link_child(Dentry& parent, Dentry& entry) REQUIRES(dentry_lock) {
  set_link(entry.parent, &parent);
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

// A name with memory of its own.
struct HeapName {
  Reclaimable memory;
  EntryName name;
};

void free_later(HeapName& name) {
  if (may_free_at_once()) [[likely]] return heap_free(&name);
  reclaim_later(name.memory, [](Reclaimable& memory) { heap_free(&memory); });
}

HeapName* heap_name_of(const Dentry& entry) {
  const EntryName* name = entry.name_link;
  if (name == nullptr || name == &entry.inline_name) return nullptr;
  auto* at = reinterpret_cast<std::byte*>(const_cast<EntryName*>(name));
  return reinterpret_cast<HeapName*>(at - offsetof(HeapName, name));
}

// A name's storage, made before anything is changed.
struct NameStorage {
  HeapName* heap = nullptr;  // null: the name fits into the entry, which is new
  ~NameStorage() {
    if (heap != nullptr) free_later(*heap);
  }
  Result<void> prepare(std::string_view name, bool is_new) {
    if (is_new && name.size() <= EntryName::kInline) return {};
    const size_t more = name.size() > EntryName::kInline ? name.size() - EntryName::kInline : 0;
    heap = static_cast<HeapName*>(heap_allocate(sizeof(HeapName) + more));
    if (heap == nullptr) return Errno::nomem;
    return {};
  }
  // Gives `entry` its name; what it had before stays here to be freed.
  void install(Dentry& entry, std::string_view name) {
    HeapName* previous = heap_name_of(entry);
    EntryName& place = heap != nullptr ? heap->name : entry.inline_name;
    place.hash = hash_name(name);
    place.length = static_cast<uint16_t>(name.size());
    std::memcpy(static_cast<char*>(place.text), name.data(), name.size());
    set_link(entry.name_link, &place);
    heap = previous;
  }
};

// Nobody's child yet.
Result<Ref<Dentry>> make_entry(std::string_view name, Ref<Inode> inode) {
  NameStorage storage;
  TRY(storage.prepare(name, true));
  Ref<Dentry> entry = TRY(make_ref<Dentry>());
  storage.install(*entry, name);
  entry->entries_are_pinned = inode->superblock().entries_are_pinned;
  entry->inode = std::move(inode);
  entry->parent = entry.get();
  return entry;
}

}  // namespace

Dentry::~Dentry() {
  if (HeapName* heap = heap_name_of(*this)) free_later(*heap);
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
    destroy_and_reclaim_later(*dying);
    if (kept_parent == nullptr || !kept_parent->ref_drop_is_last()) return;
    dying = kept_parent;
  }
}

Result<Ref<Dentry>> add_entry(Dentry& parent, std::string_view name, Ref<Inode> inode) {
  Ref<Dentry> entry = TRY(make_entry(name, std::move(inode)));
  SpinGuard guard(dentry_lock);
  if (parent.is_unlinked) return Errno::noent;
  make_room_in_table();
  link_child(parent, *entry);
  hash_insert(*entry);
  if (entry->entries_are_pinned) entry->ref_get();
  return entry;
}

Result<Ref<Dentry>> make_detached_entry(Dentry& parent, std::string_view name, Ref<Inode> inode) {
  Ref<Dentry> entry = TRY(make_entry(name, std::move(inode)));
  entry->is_unlinked = true;
  entry->parent = &parent;
  parent.ref_get();
  return entry;
}

Result<void> remove_entry(Dentry& entry) {
  {
    SpinGuard guard(dentry_lock);
    if (entry.first_mount != nullptr) return Errno::busy;
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
  TRY(new_name.prepare(name, false));
  Ref<Dentry> old_parent(*entry.parent);
  std::string_view old_name = entry.name();
  if (exchange) TRY(swapped_name.prepare(old_name, false));
  {
    SpinGuard guard(dentry_lock);
    if (new_parent.is_unlinked) return Errno::noent;
    if (entry.first_mount != nullptr || (replaced != nullptr && replaced->first_mount != nullptr)) {
      return Errno::busy;
    }
    if (replaced != nullptr) {
      if (!exchange && !replaced->children.empty()) return Errno::notempty;
    }
    TreeChange change;
    if (replaced != nullptr) {
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

Dentry* find_entry(const Dentry& parent, std::string_view name) {
  TINE_DEBUG_ASSERT(arch::preempt_count() != 0);
  const uint32_t hash = hash_name(name);
  Dentry* entry = load_link(bucket_of(*load_link(name_table), &parent, hash));
  for (; entry != nullptr; entry = load_link(entry->hash_next)) {
    if (load_link(entry->parent) != &parent) continue;
    const EntryName& its_name = entry->entry_name();
    if (its_name.hash != hash || its_name.view() != name) continue;
    if (entry->ref_count() != 0) return entry;  // else on its way out; a newer one may be here too
  }
  return nullptr;
}

Dentry* find_entry_locked(Dentry& parent, std::string_view name) {
  Dentry* entry = find_entry(parent, name);
  if (entry == nullptr || !entry->inode->may_go_stale || !entry->inode->is_stale()) return entry;
  hash_remove(*entry);
  return nullptr;
}

Result<Ref<Dentry>> lookup_entry(Dentry& parent, std::string_view name) {
  {
    SpinGuard guard(dentry_lock);
    Dentry* entry = find_entry_locked(parent, name);
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
      TreeChange change;  // who began in a mount that has gone since must not think them unlinked
      unlink_child(*leaf);
      leaf->is_unlinked = true;
    }
    leaf->ref_put();
  }
}

}  // namespace tine::fs
