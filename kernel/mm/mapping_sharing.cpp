// SPDX-License-Identifier: MIT
//
// Mappings that a fork shares: parent and child are sharers of one MappingSet, which nobody
// changes, until one of them is about to and takes copies of all its mappings (own_mappings). A
// child that execs or exits never does, and a fork costs the same with ten mappings or a hundred
// thousand.
//
// Mappings belong to their set, and the set to its sharers; the last one to leave destroys it. An
// object's reverse map leads to mappings, from there to the set, and from there to its sharers. An
// Mm that moves to another set joins it before it leaves the old one, and the new one's mappings
// are in the reverse maps by then, so a truncation always finds it, if anything twice. ENOMEM is
// the only failure, and then nothing has changed.
#include "mm/mm_internal.h"

namespace tine::mm {
namespace {

Result<Owned<Vma>> copy_mapping(const Vma& vma, MappingSet& set) {
  Owned<Vma> copy = TRY(make<Vma>());
  copy->start = vma.start;
  copy->end = vma.end;
  copy->flags = vma.flags;
  copy->set = &set;
  copy->object = vma.object;
  copy->object_page = vma.object_page;
  copy->name = vma.name;
  return copy;
}

void destroy_set(MappingSet& set) {
  set.tree.clear_and_dispose([](Vma* vma) {
    detach_object(*vma);
    delete vma;
  });
  delete &set;
}

// Appends a copy of `vma`, which lies above all others in `set`, known to its object just after it
// (B20): a truncation that finds a page in the one sees what a fork has then shared with the other.
Result<void> append_copy(MappingSet& set, Vma& vma, uint32_t flags) {
  Owned<Vma> owned = TRY(copy_mapping(vma, set));
  owned->flags = flags;
  if (flags & kVmDenyWrite) TRY(vma.object->deny_write());
  if (vma.may_write_object()) vma.object->add_writing_mapping();
  Vma& copy = *owned.leak();
  set.note_marks(flags);
  set.tree.push_back(copy);
  if (vma.object) {
    MutexGuard guard(vma.object->reverse_map_lock());
    vma.object->link_after_locked(copy, vma);
  }
  return {};
}

// Leaves the set that `place` is in, which may be the end of it.
void leave(Sharer& place) {
  MappingSet& set = *place.set;
  bool is_last;
  {
    MutexGuard guard(set.sharers_lock);
    if (place.next != nullptr) place.next->previous = place.previous;
    (place.previous != nullptr ? place.previous->next : set.first_sharer) = place.next;
    is_last = set.sharer_count.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }
  place = {};
  if (is_last) destroy_set(set);
}

Sharer& place_in(Mm& mm, const MappingSet* set) REQUIRES(mm.mmap_lock) {
  return mm.sharers[0].set == set ? mm.sharers[0] : mm.sharers[1];
}

Result<void> copy_all(MappingSet& from, MappingSet& to) {
  for (Vma& vma : from.tree) TRY(append_copy(to, vma, vma.flags));
  return {};
}

}  // namespace

void join_mappings(Mm& mm, MappingSet& set) {
  Sharer& place = place_in(mm, nullptr);
  place = {.mm = &mm, .set = &set, .next = set.first_sharer};
  if (set.first_sharer != nullptr) set.first_sharer->previous = &place;
  set.first_sharer = &place;
  set.sharer_count.fetch_add(1, std::memory_order_relaxed);
  mm.mappings.use(&set);
}

void leave_mappings(Mm& mm) {
  leave(place_in(mm, mm.mappings.set()));
  mm.mappings.use(nullptr);
}

Result<void> init_mappings(Mm& mm) {
  MappingSet& set = *TRY(make<MappingSet>()).leak();
  MutexGuard guard(set.sharers_lock);
  mm.mmap_lock.assert_held();  // as good as: nobody else knows it
  join_mappings(mm, set);
  return {};
}

Result<void> own_mappings(Mm& mm) {
  MappingSet& old_set = *mm.mappings.set();
  if (old_set.sharer_count.load(std::memory_order_acquire) == 1) [[likely]]
    return {};
  TRY(init_mappings(mm));
  MappingSet& new_set = *mm.mappings.set();
  Result<void> copied = copy_all(old_set, new_set);
  if (!copied) mm.mappings.use(&old_set);
  leave(place_in(mm, copied ? &old_set : &new_set));
  return copied;
}

Result<void> copy_mappings(Mm& parent, Mm& child) {
  TRY(init_mappings(child));
  MappingSet& set = *child.mappings.set();
  uint64_t left_out = 0;
  for (Vma& vma : parent.mappings.set()->tree) {
    if (vma.flags & kVmDontFork) {
      account_pages(child, vma.flags & ~kVmAnyLock, -static_cast<int64_t>(vma.pages()));
      if (vma.flags & kVmAccount) left_out += vma.pages();
    } else {
      TRY(append_copy(set, vma, vma.flags & ~kVmAnyLock));
      ++child.map_count;
    }
  }
  return child.committed.grow(
      {.pages = parent.committed.pages() - left_out, .size_of_caller = parent.total_vm});
}

}  // namespace tine::mm
