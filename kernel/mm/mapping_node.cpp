// SPDX-License-Identifier: MIT
//
// Nodes of the index of mappings: entries move in and out, and the node knows what lies below it.
// See mapping_node.h.
//
// An entry whose last reference goes is destroyed with what it owns: a node lets go of its entries,
// a mapping leaves its object's reverse map, which may sleep (mm/mappings.cpp). Depth bounds the
// recursion.
#include "mm/mapping_node.h"

#include "mm/heap.h"
#include "mm/vma.h"

namespace tine::mm {

void MappingEntry::last_ref_dropped() {
  if (level == 0) {
    delete static_cast<Vma*>(this);
  } else {
    delete static_cast<MappingNode*>(this);
  }
}

MappingNode::~MappingNode() {
  for (unsigned i = 0; i < used; ++i) entries[i]->ref_put();
}

MappingNode* MappingNode::copy() const {
  Result<Ref<MappingNode>> made = make_ref<MappingNode>(level);
  if (!made) return nullptr;
  MappingNode& node = *made->leak();
  node.flags = flags;
  node.start = start;
  node.end = end;
  node.gap = gap;
  node.used = used;
  const unsigned count = used;  // which counting references might change, for a compiler
  for (unsigned i = 0; i < count; ++i) {
    node.starts[i] = starts[i];
    node.entries[i] = entries[i];
    entries[i]->ref_get();
  }
  return &node;
}

void MappingNode::insert(unsigned at, MappingEntry& entry) {
  for (unsigned i = used; i > at; --i) {
    starts[i] = starts[i - 1];
    entries[i] = entries[i - 1];
  }
  starts[at] = entry.start;
  entries[at] = &entry;
  ++used;
}

MappingEntry& MappingNode::remove(unsigned at) {
  MappingEntry& entry = *entries[at];
  --used;
  for (unsigned i = at; i < used; ++i) {
    starts[i] = starts[i + 1];
    entries[i] = entries[i + 1];
  }
  return entry;
}

void MappingNode::split_and_insert(unsigned at, MappingEntry& entry, MappingNode& upper) {
  constexpr unsigned kHalf = kFanOut / 2;
  for (unsigned i = kHalf; i < kFanOut; ++i) upper.insert(i - kHalf, *entries[i]);
  used = kHalf;
  if (at <= kHalf) {
    insert(at, entry);
  } else {
    upper.insert(at - kHalf, entry);
  }
  rescan();
  upper.rescan();
}

void MappingNode::join_child(unsigned at) {
  MappingNode& node = child(at);
  auto has_room = [&](unsigned other) { return node.used + child(other).used <= 3 * kFew; };
  unsigned other;
  if (at + 1u < used && has_room(at + 1)) {
    other = at + 1;
  } else if (at > 0 && has_room(at - 1)) {
    other = at - 1;
  } else {
    return;
  }
  MappingNode& absorbed = child(other);
  for (unsigned i = 0; i < absorbed.used; ++i) {
    absorbed.entries[i]->ref_get();
    node.insert(other < at ? i : node.used, *absorbed.entries[i]);
  }
  node.rescan();
  starts[at] = node.start;
  remove(other).ref_put();
}

void MappingNode::rescan_marks() {
  flags = 0;
  for (unsigned i = 0; i < used; ++i) flags |= entries[i]->flags & kForkMarks;
}

namespace {

uint64_t largest_hole(const MappingNode& node) {
  uint64_t largest = 0;
  UserAddr below = node.starts[0];
  for (unsigned i = 0; i < node.used; ++i) {
    largest = std::max(largest, node.starts[i] - below);
    if (node.level > 1) largest = std::max(largest, node.child(i).gap);
    below = node.entries[i]->end;
  }
  return largest;
}

}  // namespace

void MappingNode::rescan() {
  gap = largest_hole(*this);
  rescan_marks();
  start = starts[0];
  end = entries[used - 1]->end;
}

bool MappingNode::note_change(uint64_t before, uint64_t now) {
  const UserAddr old_start = start, old_end = end;
  const uint64_t old_gap = gap;
  if (now < before && before == gap) {
    gap = largest_hole(*this);
  } else {
    gap = std::max(gap, now);
  }
  start = starts[0];
  end = entries[used - 1]->end;
  return start != old_start || end != old_end || gap != old_gap;
}

}  // namespace tine::mm
