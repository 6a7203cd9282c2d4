// SPDX-License-Identifier: MIT
//
// Who may share mappings: an address space begins a family when exec makes it, and a fork's child
// joins its parent's. See fork_family.h.
//
// init_mappings() fails with ENOMEM. Leaving may sleep: mappings that nobody else has leave their
// objects.
#include "mm/fork_family.h"

#include "mm/mm_internal.h"

namespace tine::mm {

Result<void> init_mappings(Mm& mm) {
  mm.mmap_lock.assert_held();  // as good as: nobody else knows it
  TRY(mm.mappings.init());
  ForkFamily& family = *TRY(make<ForkFamily>()).leak();
  MutexGuard guard(family.lock);
  join_family(mm, family);
  return {};
}

void join_family(Mm& mm, ForkFamily& family) {
  mm.family_place = {.family = &family, .next = family.first};
  if (family.first != nullptr) family.first->family_place.previous = &mm;
  family.first = &mm;
}

void leave_family(Mm& mm) {
  mm.mappings.clear();
  FamilyPlace& place = mm.family_place;
  ForkFamily* family = std::exchange(place.family, nullptr);
  if (family == nullptr) return;
  bool is_last;
  {
    MutexGuard guard(family->lock);
    if (place.next != nullptr) place.next->family_place.previous = place.previous;
    (place.previous != nullptr ? place.previous->family_place.next : family->first) = place.next;
    is_last = family->first == nullptr;
  }
  if (is_last) delete family;
}

}  // namespace tine::mm
