// SPDX-License-Identifier: MIT
//
// PageTable: the user half of an address space's page tables, walked over arch::Pte.
//
// Whole tables, with everything below them, are shared between processes that a fork has made
// (docs/constant-time-fork.md). An upper entry that allows writing leads to a table that is this
// address space's own; one that does not leads to a table that others may use too, and which must
// not be changed. find() may show such a table; change() and make() first replace it and those
// above it by copies (mm/table_sharing.cpp). Each table's frame counts its entries in use, says in
// which groups of eight they lie, and counts the upper entries that lead to it. A table without
// entries is unlinked at once, and is freed clean, ready for the next user.
//
// A huge page is 2 MiB of memory that an entry shows itself, in place of a leaf table. That table
// exists, empty, in reserve: its count counts the entries that show the huge page, and it is filled
// in when one of them must be split (mm/huge_table.cpp). So whatever shares, counts or drops tables
// does the same with huge pages, and splitting one that is not shared cannot fail. Pages of the
// pool (mm/huge_pool.h) are never split: whoever changes what they are parts of changes them whole.
//
// The entry of a huge page of a mapping without rights is hidden as a small one's is: it is not
// present, and not zero.
//
// The own tables of an address space that sleeps may be folded (mm/fold.cpp): the CPUs load a top
// table without a user half, and there is nothing to find or to change, but what is asked of single
// addresses is answered as before. unfold() comes before everything else.
//
// All of it belongs to the Mm's page_table_lock. make(), change(), own*() and unfold() allocate: an
// empty LeafTable or false says that there is no memory.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "arch/page_table.h"
#include "core/result.h"
#include "core/types.h"
#include "mm/folded_tables.h"
#include "mm/frame.h"
#include "sync/hint.h"

namespace tine::mm {

struct Mm;

inline constexpr uint64_t kLeafBytes = kPageSize * arch::kTableEntries;
static_assert(kLeafBytes == kHugePageSize);
inline constexpr unsigned kHugePageOrder = 9;
// The end of the stretch that one lowest-level table covers.
constexpr UserAddr leaf_end(UserAddr at) {
  return UserAddr((at.value & ~(kLeafBytes - 1)) + kLeafBytes);
}

inline arch::Pte& entry_of(const Frame& table, unsigned index) {
  return frame_data<arch::Pte>(table)[index];
}
// Of a table that has several owners, each of which may forbid writing at any time.
inline arch::Pte load_entry(const arch::Pte& entry) {
  return std::atomic_ref<arch::Pte>(const_cast<arch::Pte&>(entry)).load(std::memory_order_relaxed);
}
inline void note_entry(Frame& table, unsigned index) {
  ++table.private_value;
  table.table_groups |= uint64_t{1} << (index / 8);
}

// The table that an entry of an upper table leads to: for a huge page, the one in reserve.
inline Frame& table_below(arch::Pte entry) {
  Frame& frame = frame_at(entry.address());
  return entry.is_huge() ? *frame.reserve_table : frame;
}
// The huge page that `table` is in reserve for; null: none, or it has been filled in.
inline Frame* huge_page_of(const Frame& table) {
  uint32_t number = __atomic_load_n(&table.huge_page, __ATOMIC_ACQUIRE);
  return number == 0 ? nullptr : &frame_table[number];
}

// What one entry of a table of this level maps.
constexpr uint64_t span_of(unsigned level) { return kPageSize << (9 * level); }

// Calls act(index, entry, seen) for each entry of `table` that is not zero, with what it was when
// it was looked at; at the top, of the user half.
template <class Act>
inline void for_each_entry(const Frame& table, Act&& act) {
  arch::Pte* const entries = frame_data<arch::Pte>(table);
  for (uint64_t groups = table.table_groups; groups != 0; groups &= groups - 1) {
    unsigned first = static_cast<unsigned>(__builtin_ctzll(groups)) * 8;
    for (unsigned index = first; index < first + 8; ++index) {
      arch::Pte& entry = entries[index];
      const arch::Pte seen = load_entry(entry);
      if (seen.raw() != 0) act(index, entry, seen);
    }
  }
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
  arch::Pte get(unsigned index) const { return load_entry(entries_[index]); }
  uint32_t entries_in_use() const { return frame_->private_value; }
  // The first address in [at, stop), which this table maps, that may have an entry; or `stop`.
  UserAddr skip_unused(UserAddr at, UserAddr stop) const {
    const unsigned group = index_of(at) / 8;
    const uint64_t groups = frame_->table_groups >> group;
    if (groups & 1) return at;
    if (groups == 0) return stop;
    const unsigned skipped = static_cast<unsigned>(__builtin_ctzll(groups)) * 8;
    return std::min(stop, UserAddr(at.value & ~(8 * kPageSize - 1)) + skipped * kPageSize);
  }

  void insert(unsigned index, arch::Pte entry) {  // where none is
    store(index, entry);
    note_entry(*frame_, index);
  }
  void replace(unsigned index, arch::Pte entry) { store(index, entry); }
  // Gives the entry that was there, with the bits that the hardware has set until now.
  arch::Pte remove(unsigned index) {
    --frame_->private_value;
    return exchange(index, arch::Pte());
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
// after the flush. Or clean ones that nobody has linked yet.
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
  Frame& take() {  // there must be one
    Frame& table = frame_table[first_];
    first_ = table.next;
    return table;
  }
  void free_all() {
    while (first_ != 0) free_table(take());
  }

 private:
  uint32_t first_ = 0;
};

// Drops one of the entries that led to `table`, which is unlinked and flushed. The last one frees
// it and what it leads to. Without the page_table_lock where that may be much.
void put_table(Frame& table, unsigned level);

class RssDelta;

// Counts the pages that `table` and those below it map, and gives the number of these tables. Needs
// no lock where the caller has the reference of an unlinked entry: then nobody changes them.
uint64_t count_below(const Frame& table, unsigned level, RssDelta& pages);

class PageTable {
 public:
  PageTable() = default;
  PageTable(const PageTable&) = delete;
  PageTable& operator=(const PageTable&) = delete;
  ~PageTable();  // the user half is empty

  Result<void> init(Mm& mm);  // whose it is; ENOMEM
  PhysAddr top() const { return frame_address(*top_); }

  LeafTable find(UserAddr address) const;  // to read; null: nothing is mapped near the address
  LeafTable change(UserAddr address);      // to change what is there; null: nothing, or no memory
  LeafTable make(UserAddr address) {       // to insert; null: no memory
    if (LeafTable leaf = change(address)) [[likely]]
      return leaf;
    return make_tables(address);
  }
  // The entry as the processor obeys it: not writable where a table above it is not ours.
  arch::Pte effective_entry(UserAddr address) const;

  // Makes the tables that lead to `address` this address space's own, as far as there are any, and
  // splits a huge page that lies there.
  bool own(UserAddr address) { return own(address, 0); }
  // Whether own() would find anything to do.
  bool needs_own(UserAddr address) const;
  // As own(), but a huge page that is our own and lies whole in [at, end) remains one.
  bool own_window(UserAddr at, UserAddr end);
  // Only those that lie on both sides of `at`: then [.., at) or [at, ..) can be unmapped for sure.
  bool own_cut(UserAddr at);
  // Adds to the number of a frame's owners what the tables that lead to it stand for.
  uint32_t other_users(UserAddr address) const;

  // Fork: `child`, which is empty, gets to see all that is here. True: something here has lost the
  // right to be written, and the translations of it must be flushed.
  bool share_with(PageTable& child);
  // A table that may be shared, or of a huge page, and lies whole in [at, end), unlinked. The
  // caller flushes the range, counts what it mapped (count_below) and gives it to put_table().
  struct Unlinked {
    Frame* table = nullptr;  // null: none there
    unsigned level = 0;
    UserAddr end;  // of what it mapped, which began at `at`
  };
  // `at` is populated. ENOMEM: a table that only partly lies in the range could not be copied.
  Result<Unlinked> unlink_whole(UserAddr at, UserAddr end);
  void forget_tables(uint64_t count) { tables_ -= count; }  // that were unlinked, and counted since
  // Exit: unlinks the next table below the top one; null: nothing is left.
  Frame* unlink_next();

  // The entry of the huge page at `address`, to read; null: there is none.
  arch::Pte* find_huge(UserAddr address) const;
  // The same, to change: null also where others use the huge page too, which must then be split.
  arch::Pte* own_huge(UserAddr address);
  // Makes only the entry ours, and not what it shows: null also where there is no memory.
  arch::Pte* own_huge_entry(UserAddr address);
  // Puts a huge page, or a leaf table that is shared, where nothing is; its reference goes with it.
  // False: something is there already, or there is no memory for the tables above.
  bool insert_below(UserAddr window, arch::Pte entry);

  // For move_window(), at a place where nothing is: the tables above it. False: no memory.
  bool make_window_place(UserAddr to) { return make_path(to, 1) != nullptr; }
  // What own_window() has left of a window of 2 MiB gets there whole: a leaf table, or a huge page
  // (or one of the pool, in a table of our own).
  void move_window(UserAddr from, UserAddr to);

  // The leaf table of a window of 2 MiB, which is our own: from now on nobody writes to what it
  // maps, until own(). Null: none.
  Frame* freeze_leaf(UserAddr window);
  // Puts a huge page in the place of a leaf table or another huge page, in a table that is our own.
  // The caller puts what was there.
  void replace_below(UserAddr window, arch::Pte huge);

  // Gives the own tables back, but for a record of what is in them. The number of frames gained; 0:
  // it would not pay, there is no memory for the record, or they are folded already. The mmap_lock
  // is held exclusively, so that who has it stays unfolded.
  uint64_t fold();
  bool is_folded() const { return static_cast<bool>(folded_); }
  // Makes the tables again. False: no memory, and nothing has happened.
  bool unfold() { return !is_folded() || make_folded_again(); }
  // Removes all that lies in [start, end) from tables that are folded; `removed` has counted it.
  // False: a shared table or a huge page reaches into the range, and nothing has happened.
  bool remove_folded(UserAddr start, UserAddr end, RssDelta& removed);
  Owned<FoldedTables> take_folded() { return std::move(folded_); }  // exit
  uint64_t folded_bytes() const { return is_folded() ? folded_->bytes() : 0; }
  // Whether some of it may lie in the stretch that one leaf table covers.
  bool has_folded_near(UserAddr address) const;

  // Unlinks the table at `address`, and those above it, as far as they have become empty.
  void detach_if_empty(UserAddr address, DetachedTables& detached);

  // The first address in [at, end) at which a leaf table exists, or `end`.
  UserAddr next_populated(UserAddr at, UserAddr end) const;

  uint64_t table_count() const { return tables_; }  // without the top one

 private:
  static arch::Pte& slot(Frame& table, unsigned level, UserAddr address) {
    return entry_of(table, index_at(level, address));
  }
  static arch::Pte load(Frame& table, unsigned level, UserAddr address) {
    return load_entry(slot(table, level, address));
  }
  static unsigned index_at(unsigned level, UserAddr address) {
    return static_cast<unsigned>(address.value >> (kPageShift + 9 * level)) % arch::kTableEntries;
  }
  // Where a walk to `address` begins: in the top table, or where the tables are folded, at the
  // entry that is kept of them, or nowhere (null).
  struct Start {
    arch::Pte* entry;
    unsigned level;
  };
  Start start_of(UserAddr address) const {
    if (is_folded()) [[unlikely]]
      return start_in_folded(address);
    return {&slot(*top_, arch::kTableLevels - 1, address), arch::kTableLevels - 1};
  }
  Start start_in_folded(UserAddr address) const;
  arch::Pte* entry_above_leaf(UserAddr address) const;  // null: no table that it would be in
  bool own(UserAddr address, unsigned down_to);
  void split_huge(arch::Pte& entry, UserAddr address);
  LeafTable change_shared(UserAddr address);
  LeafTable make_tables(UserAddr address) {
    Frame* table = make_path(address, 0);
    return table != nullptr ? LeafTable(frame_data<arch::Pte>(*table)) : LeafTable();
  }
  Frame* make_path(UserAddr address, unsigned down_to);  // null: no memory
  bool make_folded_again();
  void put_back(const FoldedTables::Part& part, DetachedTables& clean);

  Frame* top_ = nullptr;  // zero_frame, which has no entries, while the tables are folded
  Hint<uint64_t> tables_ = 0;  // that exist
  Mm* mm_ = nullptr;
  Owned<FoldedTables> folded_;
};

// Walks over the leaf tables that exist in [start, end), to read them, or to change them where
// own_window() has been asked for them before:
//   for (LeafWalk walk(table, start, end); walk.next();)
//     for (unsigned i = walk.first; i < walk.last; ++i) ... walk.leaf.get(i) ...
// Where there is a huge page, `huge` is its entry and there is no `leaf`.
class LeafWalk {
 public:
  LeafWalk(const PageTable& table, UserAddr start, UserAddr end)
      : table_(table), next_(start), end_(end) {}

  LeafTable leaf;
  arch::Pte* huge = nullptr;
  UserAddr at;         // the address that entry `first` maps
  unsigned first = 0;  // the entries of [start, end) in this table
  unsigned last = 0;

  bool is_done() const { return next_ >= end_; }
  bool next() {
    while (next_ < end_) {
      leaf = table_.find(next_);
      huge = leaf ? nullptr : table_.find_huge(next_);
      if (leaf || huge != nullptr) [[likely]] {
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
  const PageTable& table_;
  UserAddr next_;
  UserAddr end_;
};

}  // namespace tine::mm
