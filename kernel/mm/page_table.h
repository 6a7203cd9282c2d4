// SPDX-License-Identifier: MIT
//
// PageTable: the user half of an address space's page tables, walked over arch::Pte.
//
// Every change of an entry goes through LeafTable, and every step down the tables through
// PageTable, so that the sharing of whole tables between processes can come without touching the
// callers: find() may show a table that others use too, change() and make() give one that may be
// written. Each table's frame counts its entries in use; a table without any is unlinked at once,
// and is freed clean, ready for the next user.
//
// All of it belongs to the Mm's page_table_lock. Only make() allocates; it returns an empty
// LeafTable when there is no memory.
#pragma once

#include <cstdint>

#include "arch/page_table.h"
#include "core/result.h"
#include "core/types.h"
#include "mm/frame.h"

namespace tine::mm {

inline constexpr uint64_t kLeafBytes = kPageSize * arch::kTableEntries;
// The end of the stretch that one lowest-level table covers.
constexpr UserAddr leaf_end(UserAddr at) {
  return UserAddr((at.value & ~(kLeafBytes - 1)) + kLeafBytes);
}

// The entries of one lowest-level table.
class LeafTable {
 public:
  LeafTable() = default;
  explicit LeafTable(arch::Pte* entries) : entries_(entries), frame_(&frame_of_pointer(entries)) {}
  explicit operator bool() const { return entries_ != nullptr; }

  static unsigned index_of(UserAddr address) {
    return static_cast<unsigned>(address.value >> kPageShift) % arch::kTableEntries;
  }
  arch::Pte get(unsigned index) const { return entries_[index]; }
  uint32_t entries_in_use() const { return frame_->private_value; }

  void insert(unsigned index, arch::Pte entry) {  // where none is
    store(index, entry);
    ++frame_->private_value;
  }
  void replace(unsigned index, arch::Pte entry) { store(index, entry); }
  // Gives the entry that was there, with the bits that the hardware has set until now.
  arch::Pte remove(unsigned index) {
    --frame_->private_value;
    return exchange(index, arch::Pte());
  }
  // For an address space that nobody runs in: the entry as read before is the last word.
  void remove_unused(unsigned index) {
    --frame_->private_value;
    entries_[index] = arch::Pte();
  }

 private:
  void store(unsigned index, arch::Pte entry) {
    __atomic_store(&entries_[index], &entry, __ATOMIC_RELAXED);
  }
  arch::Pte exchange(unsigned index, arch::Pte entry) {
    arch::Pte old;
    __atomic_exchange(&entries_[index], &entry, &old, __ATOMIC_RELAXED);
    return old;
  }
  arch::Pte* entries_ = nullptr;
  Frame* frame_ = nullptr;
};

// Tables that are unlinked but may still be in some CPU's translation cache: freed by free_all(),
// after the flush.
class DetachedTables {
 public:
  DetachedTables() = default;
  DetachedTables(const DetachedTables&) = delete;
  DetachedTables& operator=(const DetachedTables&) = delete;
  ~DetachedTables() { free_all(); }
  void add(Frame& table) {
    table.next = first_;
    first_ = frame_number(table);
  }
  bool is_empty() const { return first_ == 0; }
  void free_all() {
    while (first_ != 0) {
      Frame& table = frame_table[first_];
      first_ = table.next;
      free_table(table);
    }
  }

 private:
  uint32_t first_ = 0;
};

class PageTable {
 public:
  PageTable() = default;
  PageTable(const PageTable&) = delete;
  PageTable& operator=(const PageTable&) = delete;
  ~PageTable();  // the user half is empty

  Result<void> init();  // ENOMEM
  PhysAddr top() const { return frame_address(*top_); }

  LeafTable find(UserAddr address) const;  // to read; null: nothing is mapped near the address
  LeafTable change(UserAddr address) { return find(address); }  // to change what is there
  LeafTable make(UserAddr address);                             // to insert; null: no memory
  // Unlinks the table at `address`, and those above it, as far as they have become empty.
  void detach_if_empty(UserAddr address, DetachedTables& detached);
  void detach_empty(UserAddr start, UserAddr end, DetachedTables& detached);

  // The first address in [at, end) at which a leaf table exists, or `end`.
  UserAddr next_populated(UserAddr at, UserAddr end) const;

  uint64_t table_count() const { return tables_; }  // without the top one, as VmPTE shows it

 private:
  static arch::Pte& slot(Frame& table, unsigned level, UserAddr address) {
    return frame_data<arch::Pte>(
        table)[(address.value >> (kPageShift + 9 * level)) % arch::kTableEntries];
  }
  Frame* top_ = nullptr;
  uint64_t tables_ = 0;
};

// Walks over the leaf tables that exist in [start, end):
//   for (LeafWalk walk(table, start, end); walk.next();)
//     for (unsigned i = walk.first; i < walk.last; ++i) ... walk.leaf.get(i) ...
class LeafWalk {
 public:
  LeafWalk(PageTable& table, UserAddr start, UserAddr end)
      : table_(table), next_(start), end_(end) {}

  LeafTable leaf;
  UserAddr at;         // the address that entry `first` maps
  unsigned first = 0;  // the entries of [start, end) in this table
  unsigned last = 0;

  bool is_done() const { return next_ >= end_; }
  bool next() {
    while (next_ < end_) {
      leaf = table_.change(next_);
      if (leaf) [[likely]] {
        at = next_;
        next_ = leaf_end(at);
        first = LeafTable::index_of(at);
        last = next_ <= end_ ? arch::kTableEntries
                             : first + static_cast<unsigned>((end_ - at) >> kPageShift);
        return true;
      }
      next_ = table_.next_populated(next_, end_);
    }
    return false;
  }

 private:
  PageTable& table_;
  UserAddr next_;
  UserAddr end_;
};

}  // namespace tine::mm
