// SPDX-License-Identifier: MIT
//
// FoldedTables: what is kept of the page tables of an address space that sleeps. Its own tables are
// mostly empty, and are given back; the entries that were in them stay here, each with its place.
// An entry that leads to a shared table or shows a huge page is such an entry as well, and goes on
// counting there as it did in its table; so do the frames.
//
// A record belongs to one PageTable and is guarded as its tables are (the page_table_lock); it owns
// what its entries lead to. PageTable::fold() makes it, unfold() builds the same tables again
// (mm/fold.cpp, docs/process-memory.md). Making one fails when there is no memory.
#pragma once

#include <cstdint>
#include <span>

#include "arch/page_table.h"
#include "core/ref.h"
#include "core/types.h"

namespace tine::mm {

class alignas(uint64_t) FoldedTables : public HeapAllocated {
 public:
  // An entry, of a table of `level`; what it maps or leads to begins at `start`.
  struct Part {
    Part(UserAddr start, unsigned level, arch::Pte entry)
        : start_and_level(start.value | level), entry(entry) {}
    UserAddr start() const { return UserAddr(start_and_level & ~(kPageSize - 1)); }
    unsigned level() const { return static_cast<unsigned>(start_and_level % kPageSize); }
    UserAddr end() const { return start() + (kPageSize << (9 * level())); }

    uint64_t start_and_level;
    arch::Pte entry;  // empty: it has been removed
  };

  static Owned<FoldedTables> make(uint32_t most_parts, uint32_t tables);  // null: no memory
  ~FoldedTables();  // drops what it still owns

  static constexpr size_t bytes_for(uint32_t parts) {
    return sizeof(FoldedTables) + parts * sizeof(Part);
  }
  size_t bytes() const { return bytes_for(capacity_); }
  uint32_t tables() const { return tables_; }  // that were given back, without the top one

  void add(const Part& part) { storage()[count_++] = part; }  // behind all others
  std::span<Part> parts() { return {storage(), count_}; }
  std::span<Part> parts_in(UserAddr start, UserAddr end);  // that reach into the range
  void release_all() { count_ = 0; }                       // somebody else owns it from now on

 private:
  FoldedTables(uint32_t capacity, uint32_t tables) : capacity_(capacity), tables_(tables) {}
  Part* storage() { return reinterpret_cast<Part*>(this + 1); }

  uint32_t count_ = 0;
  uint32_t capacity_;
  uint32_t tables_;
};

}  // namespace tine::mm
