// SPDX-License-Identifier: MIT
//
// ForkFamily: the address spaces that come from one exec by forks. Mappings are shared within a
// family and never beyond it, so whoever looks for all that have a mapping (truncation, which comes
// from an object's reverse map) asks each member's index.
//
// A member joins and leaves with its mmap_lock held exclusively; it leaves when its index is empty,
// and the last one takes the family with it. A mapping therefore never outlives its family. Making
// one fails with ENOMEM.
#pragma once

#include <cstdint>

#include "mm/heap.h"
#include "sync/mutex.h"

namespace tine::mm {

struct Mm;

struct ForkFamily : HeapAllocated {
  static constexpr const char* kCacheName = "fork_family";
  // Held while members are visited. A fork holds it from the moment that the child is a member
  // until the child has all of the parent's pages.
  Mutex lock{LockRank::fork_family};
  Mm* first GUARDED_BY(lock) = nullptr;  // list through Mm::family_place
};

// An Mm's place in its family.
struct FamilyPlace {
  ForkFamily* family = nullptr;
  Mm* next = nullptr;  // guarded by the family's lock, as is `previous`
  Mm* previous = nullptr;
};

}  // namespace tine::mm
