// SPDX-License-Identifier: MIT
//
// Vma, one mapping of an address space (Linux: vm_area_struct): a range of addresses with rights,
// and the object it shows or none for private anonymous memory.
//
// Belongs to the MappingSet that it is in; changed only by the one Mm that uses the set, with its
// mmap_lock held exclusively. A Vma with an object is also in the object's reverse map, and then
// its range changes only while it is unlinked from there or the object's reverse-map lock is held.
#pragma once

#include "core/list.h"
#include "core/ref.h"
#include "core/types.h"
#include "mm/heap.h"
#include "mm/memory_object.h"

namespace tine::mm {

struct MappingSet;

// Rights and kinds of a mapping.
enum VmFlags : uint32_t {
  kVmRead = 1u << 0,
  kVmWrite = 1u << 1,
  kVmExec = 1u << 2,
  kVmShared = 1u << 3,
  kVmMayRead = 1u << 4,  // what mprotect may give
  kVmMayWrite = 1u << 5,
  kVmMayExec = 1u << 6,
  kVmGrowsDown = 1u << 8,
  kVmLocked = 1u << 9,       // mlock; cleared in a fork's child (B17)
  kVmDontFork = 1u << 10,    // MADV_DONTFORK (B16)
  kVmWipeOnFork = 1u << 11,  // MADV_WIPEONFORK (G7)
  kVmDontExpand = 1u << 12,
  kVmSpecial = 1u << 13,  // vDSO: frames are the kernel's, not counted
  kVmNoReserve = 1u << 14,
  kVmDenyWrite = 1u << 15,  // executable's text: holds MemoryObject::deny_write
  kVmNoHugePage = 1u << 16,
  kVmHugePage = 1u << 17,
  kVmStack = 1u << 18,
  kVmDontDump = 1u << 19,  // MADV_DONTDUMP
  kVmLockOnFault = 1u << 21,  // with kVmLocked: pages are not brought in (MLOCK_ONFAULT)
  kVmAccount = 1u << 20,   // its pages are in Mm::committed
};
inline constexpr uint32_t kVmAccess = kVmRead | kVmWrite | kVmExec;
inline constexpr uint32_t kVmAnyLock = kVmLocked | kVmLockOnFault;
inline constexpr uint32_t kVmMayAll = kVmMayRead | kVmMayWrite | kVmMayExec;
// Memory that a program may come to write and nobody else has promised: what overcommit is about.
inline bool is_accountable(uint32_t flags) {
  return (flags & (kVmNoReserve | kVmShared | kVmWrite)) == kVmWrite;
}

// A mapped file's identity for /proc/PID/maps; fs/ derives from it.
class MapName : public RefCounted<MapName> {
 public:
  virtual ~MapName() = default;
  // Path as the caller sees it, cut to fit; returns the length.
  virtual size_t write_path(std::span<char> out) const = 0;
  virtual uint64_t device() const = 0;
  virtual uint64_t inode_number() const = 0;
};

struct Vma : HeapAllocated {
  static constexpr const char* kCacheName = "vm_area_struct";
  UserAddr start;  // [start, end), page-aligned
  UserAddr end;
  uint32_t flags = 0;
  MappingSet* set = nullptr;
  Ref<MemoryObject> object;  // null: private anonymous
  uint64_t object_page = 0;  // index in the object of the page at `start`
  // What /proc/PID/maps shows for a file: the fs layer's dentry, held by reference.
  Ref<MapName> name;
  TreeNode node;  // in the Mm's index
  // In the object's reverse map; guarded by the object's lock.
  Vma* next_in_object = nullptr;
  Vma* previous_in_object = nullptr;

  uint64_t pages() const { return (end - start) >> kPageShift; }
  uint64_t page_of(UserAddr address) const {
    return object_page + ((address - start) >> kPageShift);
  }
  bool is_private() const { return !(flags & kVmShared); }
  // Its object can be written through it, now or after an mprotect.
  bool may_write_object() const {
    return object && (flags & (kVmShared | kVmMayWrite)) == (kVmShared | kVmMayWrite);
  }
  // Private and writable now: what RLIMIT_DATA limits and VmData shows.
  bool is_data() const { return (flags & (kVmShared | kVmWrite | kVmStack)) == kVmWrite; }
};

}  // namespace tine::mm
