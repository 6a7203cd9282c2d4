// SPDX-License-Identifier: MIT
//
// Mm, a process's address space (Linux: mm_struct), and Vma, one mapping in it.
//
// Two counts, as in Linux (B25): users are the tasks that run in it; references also count those who
// only look (/proc) or borrow it lazily (kernel threads). When the last user goes the mappings go
// (exit_mmap); when the last reference goes, the object.
// mmap_lock guards the mappings and who may add or remove page-table entries; a fault takes it
// shared. page_table_lock guards the entries themselves.
#pragma once

#include <atomic>

#include "arch/page_table.h"
#include "core/list.h"
#include "core/ref.h"
#include "core/result.h"
#include "core/types.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/memory_object.h"
#include "sync/mutex.h"
#include "sync/spin_lock.h"

namespace tine::mm {

struct Mm;

// Rights and kinds of a mapping.
enum VmFlags : uint32_t {
  kVmRead = 1u << 0,
  kVmWrite = 1u << 1,
  kVmExec = 1u << 2,
  kVmShared = 1u << 3,
  kVmMayRead = 1u << 4,       // what mprotect may give
  kVmMayWrite = 1u << 5,
  kVmMayExec = 1u << 6,
  kVmGrowsDown = 1u << 8,
  kVmLocked = 1u << 9,        // mlock; cleared in a fork's child (B17)
  kVmDontFork = 1u << 10,     // MADV_DONTFORK (B16)
  kVmWipeOnFork = 1u << 11,   // MADV_WIPEONFORK (G7)
  kVmDontExpand = 1u << 12,
  kVmSpecial = 1u << 13,      // vDSO: frames are the kernel's, not counted
  kVmNoReserve = 1u << 14,
  kVmDenyWrite = 1u << 15,    // executable's text: holds MemoryObject::deny_write
  kVmNoHugePage = 1u << 16,
  kVmHugePage = 1u << 17,
  kVmStack = 1u << 18,
};

struct Vma : HeapAllocated {
  static constexpr const char* kCacheName = "vm_area_struct";
  UserAddr start;             // [start, end), page-aligned
  UserAddr end;
  uint32_t flags = 0;
  Mm* mm = nullptr;
  Ref<MemoryObject> object;   // null: private anonymous
  uint64_t object_page = 0;   // index in the object of the page at `start`
  // What /proc/PID/maps shows for a file: the fs layer's dentry, held by reference.
  Ref<class MapName> name;
  TreeNode node;              // in the Mm's index
  ListNode object_node;       // in the object's reverse map
  uint64_t pages() const { return (end - start) >> kPageShift; }
};

// A mapped file's identity for /proc/PID/maps; fs/ derives from it.
class MapName : public RefCounted<MapName> {
 public:
  virtual ~MapName() = default;
  // Path as the caller sees it, cut to fit; returns the length.
  virtual size_t write_path(std::span<char> out) const = 0;
  virtual uint64_t device() const = 0;
  virtual uint64_t inode_number() const = 0;
};

// Dropping the last user tears the mappings down; see MmUser.
Result<Ref<Mm>> mm_alloc();                       // for exec: empty, one user
Result<Ref<Mm>> dup_mm(Mm& old_mm);               // for fork: copy-on-write copy, one user (E74)
void mm_get_user(Mm& mm);                         // CLONE_VM
void mm_put_user(Mm& mm);                         // may sleep; exit_mmap at zero

// A move-only user of an Mm: what Task::mm holds.
class MmUser {
 public:
  MmUser() = default;
  MmUser(MmUser&& other) noexcept = default;
  MmUser& operator=(MmUser other) noexcept { std::swap(mm_, other.mm_); return *this; }
  ~MmUser() { if (mm_) mm_put_user(*mm_); }
  static MmUser adopt(Ref<Mm> mm) { MmUser user; user.mm_ = std::move(mm); return user; }
  static MmUser share(Mm& mm) { mm_get_user(mm); return adopt(Ref<Mm>(mm)); }
  Mm* get() const { return mm_.get(); }
  Mm& operator*() const { return *mm_; }
  Mm* operator->() const { return mm_.get(); }
  explicit operator bool() const { return static_cast<bool>(mm_); }

 private:
  Ref<Mm> mm_;
};

// What a mapping request says; mmap(2), exec and shmat use it.
struct MapRequest {
  UserAddr address;           // hint, or exact with `fixed`
  uint64_t length = 0;
  uint32_t flags = 0;         // VmFlags
  Ref<MemoryObject> object;
  uint64_t object_page = 0;
  Ref<MapName> name;
  bool fixed = false;
  bool fixed_noreplace = false;
  bool populate = false;
  bool below_4g = false;      // MAP_32BIT
};

// All take and release mm's mmap_lock. Errors as mmap(2), munmap(2), mprotect(2), brk(2), mremap(2).
Result<UserAddr> do_mmap(Mm& mm, MapRequest request);
Result<void> do_munmap(Mm& mm, UserAddr start, uint64_t length);
Result<void> do_mprotect(Mm& mm, UserAddr start, uint64_t length, uint32_t rights);
UserAddr do_brk(Mm& mm, UserAddr new_end);        // the end in force afterwards, as the raw call does

// Switching (sched): loads `next`'s page table; a null `next` (kernel thread) keeps what is loaded.
void switch_address_space(void* next_mm);
Mm* current_mm();                                 // of the running task; null for kernel threads

}  // namespace tine::mm
