// SPDX-License-Identifier: MIT
//
// MappingNode: a node of the index of mappings (mm/mapping_index.h), a persistent B+-tree whose
// leaves hold mappings and whose other nodes hold nodes.
//
// A node owns one reference to each of its entries. Nobody changes an entry to which somebody else
// has a reference too: it is shared with another address space. A node says what lies below it, so
// that a search passes over whatever cannot be of interest: where its mappings begin and end, the
// largest hole between two of them, and which marks a fork must look at. The root alone does not
// keep its hole and its bounds, which nobody asks for; its flags are true.
//
// Nothing here locks. Only make_ref and copy() allocate; copy() says null when there is no memory.
#pragma once

#include <algorithm>

#include "core/ref.h"
#include "core/types.h"

namespace tine::mm {

// What a node may hold: a mapping (level 0: Vma), or a node of the level below its own.
struct MappingEntry : RefCounted<MappingEntry> {
  explicit MappingEntry(uint8_t entry_level) : level(entry_level) {}
  void last_ref_dropped();

  uint32_t flags = 0;   // VmFlags of a mapping; of a node: kForkMarks of all mappings below
  UserAddr start, end;  // [start, end), page-aligned
  const uint8_t level;
};

struct MappingNode : MappingEntry {
  static constexpr const char* kCacheName = "mapping_node";
  static constexpr unsigned kFanOut = 16;
  static constexpr unsigned kFew = kFanOut / 4;  // with so few a node looks for one to join
  static constexpr unsigned kMaxLevels = 12;     // enough for 8^12 mappings

  explicit MappingNode(uint8_t node_level) : MappingEntry(node_level) {}
  ~MappingNode();

  uint8_t used = 0;
  uint64_t gap = 0;  // the largest hole between two mappings below, in bytes
  UserAddr starts[kFanOut];
  MappingEntry* entries[kFanOut];

  bool is_full() const { return used == kFanOut; }
  // The last entry that starts at or before `address`, else the first. Not in an empty node.
  unsigned index_of(UserAddr address) const {
    unsigned low = 0;
    for (unsigned count = used; count > 1;) {
      unsigned half = count / 2;
      if (starts[low + half] <= address) low += half;
      count -= half;
    }
    return low;
  }
  MappingNode& child(unsigned at) const { return static_cast<MappingNode&>(*entries[at]); }
  // The hole below entry `at`, as far as it lies between two entries of this node.
  uint64_t hole_below(unsigned at) const {
    return at == 0 || at >= used ? 0 : starts[at] - entries[at - 1]->end;
  }
  // The largest hole that changes when entry `at` does.
  uint64_t gap_at(unsigned at) const {
    uint64_t inside = level > 1 ? child(at).gap : 0;
    return std::max({inside, hole_below(at), hole_below(at + 1)});
  }

  MappingNode* copy() const;  // that shares all entries
  // The caller's reference goes to the node; there is room. What the node says of itself is the
  // caller's to renew, here and in remove(), which gives the reference back.
  void insert(unsigned at, MappingEntry& entry);
  MappingEntry& remove(unsigned at);
  // Inserts into a full node, of which the upper half goes to `upper`, an empty one.
  void split_and_insert(unsigned at, MappingEntry& entry, MappingNode& upper);
  // Entry `at`, a node with few entries that nobody else uses, takes over those of a neighbour
  // that has few too.
  void join_child(unsigned at);

  void rescan();        // says anew what lies below
  void rescan_marks();  // the flags alone
  // The same, when all that has changed is that a hole of `before` became one of `now`, or how the
  // first or the last entry ends. True: something is different.
  bool note_change(uint64_t before, uint64_t now);
};

}  // namespace tine::mm
