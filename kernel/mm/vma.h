// SPDX-License-Identifier: MIT
//
// Vma, one mapping of an address space (Linux: vm_area_struct): a range of addresses with rights,
// and the object it shows or none for private anonymous memory.
//
// A mapping is an entry of the index of mappings (mm/mapping_index.h), which says to whom it
// belongs: to one address space or, since a fork, to several. It changes only while it belongs to
// one, which own_mapping() sees to, with that one's mmap_lock held exclusively, and through the
// index. A Vma with an object is also in the object's reverse map, and then its range changes only
// while the object's reverse-map lock is held too. The last to let go of it takes it out of there.
#pragma once

#include "core/ref.h"
#include "core/types.h"
#include "mm/heap.h"
#include "mm/mapping_node.h"
#include "mm/memory_object.h"

namespace tine::mm {

struct ForkFamily;

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
  kVmHugeTlb = 1u << 22,       // MAP_HUGETLB: pages of the pool (mm/huge_tlb.h)
  kVmHugeReserved = 1u << 23,  // they are promised (Mm::huge_reserved), but not to a fork's child
};
inline constexpr uint32_t kVmAccess = kVmRead | kVmWrite | kVmExec;
inline constexpr uint32_t kVmAnyLock = kVmLocked | kVmLockOnFault;
inline constexpr uint32_t kVmMayAll = kVmMayRead | kVmMayWrite | kVmMayExec;
// Memory that a program may come to write and nobody else has promised: what overcommit is about.
inline bool is_accountable(uint32_t flags) {
  return (flags & (kVmNoReserve | kVmShared | kVmWrite | kVmHugeTlb)) == kVmWrite;
}
// A mapping with one of these is not the same in a fork's child.
inline constexpr uint32_t kForkMarks =
    kVmLocked | kVmDontFork | kVmWipeOnFork | kVmHugeReserved;

// A mapped file's identity for /proc/PID/maps; fs/ derives from it.
class MapName : public RefCounted<MapName> {
 public:
  virtual ~MapName() = default;
  // Path as the caller sees it, cut to fit; returns the length.
  virtual size_t write_path(std::span<char> out) const = 0;
  virtual uint64_t device() const = 0;
  virtual uint64_t inode_number() const = 0;
};

struct Vma : MappingEntry {
  static constexpr const char* kCacheName = "vm_area_struct";
  Vma() : MappingEntry(0) {}
  ~Vma();  // leaves the object's reverse map

  Ref<MemoryObject> object;  // null: private anonymous
  uint64_t object_page = 0;  // index in the object of the page at `start`
  // What /proc/PID/maps shows for a file: the fs layer's dentry, held by reference.
  Ref<MapName> name;
  // In the object's reverse map, which leads to those who may have this mapping; null: not there.
  ForkFamily* family = nullptr;
  // Guarded by the object's lock.
  Vma* next_in_object = nullptr;
  Vma* previous_in_object = nullptr;

  uint64_t pages() const { return (end - start) >> kPageShift; }
  uint64_t page_of(UserAddr address) const {
    return object_page + ((address - start) >> kPageShift);
  }
  // Both show the same page of the same object wherever their ranges meet.
  bool shows_same(const Vma& other) const {
    return object == other.object && object_page - (start.value >> kPageShift) ==
                                         other.object_page - (other.start.value >> kPageShift);
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
