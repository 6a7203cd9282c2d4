// SPDX-License-Identifier: MIT
//
// Folding: the tables of an address space that sleeps are given back, and made again when somebody
// touches its memory. A small forked child has seven tables (28 KiB) with a few dozen entries in
// them; as a record (mm/folded_tables.h) these are some hundred bytes.
//
// Rules. (1) Only an address space's own tables are folded; what others share stays where it is,
// and the record counts as the entry that led to it. (2) While folded, CPUs load the kernel's top
// table and the walks find zero_frame, a table without entries: so switching to the address space,
// every fast path and every walk go on as they are, and a touch of its memory is a fault, which
// unfolds. (3) Who folds holds the mmap_lock exclusively, so who holds it at all and has unfolded
// finds the tables there until he lets go. Who works without it (truncation) unfolds, or takes
// entries out of the record, each time that he takes the page_table_lock. (4) No CPU walks the
// tables any more when they are taken apart, so no accessed or dirty bit is lost; none runs with
// the kernel's top table when the tables have been made again: both are flushes of the address
// space, which load what Mm::top_table says by then.
//
// unfold() takes all the memory that it needs before its first step; then it cannot fail.
#include "mm/fold.h"

#include <algorithm>
#include <utility>

#include "mm/heap.h"
#include "mm/page_table.h"
#include "mm/tlb.h"
#include "mm/unmap.h"

namespace tine::mm {

using arch::Pte;

namespace {

constexpr unsigned kTopLevel = arch::kTableLevels - 1;
// What wakes up waits for this much to be made again: about 20 microseconds.
constexpr uint32_t kMostTables = 24, kMostParts = 512;

bool leads_to_own(Pte entry) { return entry.is_writable() && !entry.is_huge(); }

// The others may be gone by now, or by the second look; whoever is seen to be gone is noted.
bool note_last_owner(Pte& entry) {
  if (entry.is_huge()) return false;
  if (!entry.is_writable()) {
    if (frame_at(entry.address()).count.load(std::memory_order_acquire) != 1) return false;
    entry = entry.with_write();
  }
  return true;
}

struct OwnTables {
  uint32_t tables = 0;  // with the top one
  uint32_t parts = 0;   // their entries, but for those that lead from one to another
  bool are_few() const { return tables <= kMostTables && parts <= kMostParts; }
};

void count_own(const Frame& table, unsigned level, OwnTables& own) {
  ++own.tables;
  own.parts += table.private_value;
  if (level == 0 || !own.are_few()) return;
  for_each_entry(table, [&](unsigned, Pte& entry, Pte) {
    if (!own.are_few() || !note_last_owner(entry)) return;
    --own.parts;
    count_own(frame_at(entry.address()), level - 1, own);
  });
}

// Moves what is in an own table, which begins at `start`, into the record, and frees those below.
void take_apart(Frame& table, unsigned level, UserAddr start, FoldedTables& record) {
  for_each_entry(table, [&](unsigned index, Pte& entry, Pte) {
    const Pte kept = std::exchange(entry, Pte());
    const UserAddr at = start + index * span_of(level);
    if (level == 0 || !leads_to_own(kept)) return record.add({at, level, kept});
    Frame& below = frame_at(kept.address());
    take_apart(below, level - 1, at, record);
    free_table(below);
  });
  table.private_value = 0;
}

// A top table, and `count` others; null: no memory. Then those that there were are not kept as
// clean ones, where a fault would find them as memory to reclaim and try again with them, for ever.
Frame* take_clean_tables(uint32_t count, DetachedTables& clean) {
  Frame* top = take_top_table();
  for (; top != nullptr && count > 0; --count) {
    if (Frame* table = take_table()) {
      clean.add(*table);
      continue;
    }
    put_frame(*std::exchange(top, nullptr));
    while (!clean.is_empty()) put_frame(clean.take());
  }
  return top;
}

}  // namespace

Owned<FoldedTables> FoldedTables::make(uint32_t most_parts, uint32_t tables) {
  void* place = heap_allocate(bytes_for(most_parts));
  if (place == nullptr) return nullptr;
  return Owned<FoldedTables>::adopt(new (place) FoldedTables(most_parts, tables));
}

FoldedTables::~FoldedTables() {
  for (const Part& part : parts()) {
    if (part.entry.raw() == 0) continue;
    if (part.level() > 0) {
      put_table(table_below(part.entry), part.level() - 1);
    } else if (Frame& page = frame_at(part.entry.address()); is_counted(page)) {
      put_frame(page);
    }
  }
}

std::span<FoldedTables::Part> FoldedTables::parts_in(UserAddr start, UserAddr end) {
  std::span<Part> all = parts();
  auto first = std::ranges::partition_point(all, [&](const Part& p) { return p.end() <= start; });
  auto last =
      std::partition_point(first, all.end(), [&](const Part& p) { return p.start() < end; });
  return {first, last};
}

uint64_t PageTable::fold() {
  if (is_folded() || top_->private_value == 0) return 0;
  OwnTables own;
  count_own(*top_, kTopLevel, own);
  const bool pays =
      own.are_few() && FoldedTables::bytes_for(own.parts) <= own.tables * kPageSize / 2;
  if (!pays) return 0;
  folded_ = FoldedTables::make(own.parts, own.tables - 1);
  if (!folded_) return 0;
  Frame& top = *std::exchange(top_, zero_frame);
  mm_->top_table.store(arch::kernel_page_table(), std::memory_order_relaxed);
  flush_tlb_tables(*mm_, UserAddr(0), UserAddr(~uint64_t{0}));
  take_apart(top, kTopLevel, UserAddr(0), *folded_);
  tables_ -= folded_->tables();
  free_top_table(top);
  return own.tables;
}

void PageTable::put_back(const FoldedTables::Part& part, DetachedTables& clean) {
  const UserAddr at = part.start();
  Frame* table = top_;
  for (unsigned level = kTopLevel; level > part.level(); --level) {
    Pte& entry = slot(*table, level, at);
    if (entry.raw() == 0) {
      entry = Pte::table(frame_address(clean.take()));
      note_entry(*table, index_at(level, at));
      ++tables_;
    }
    table = &frame_at(entry.address());
  }
  slot(*table, part.level(), at) = part.entry;
  note_entry(*table, index_at(part.level(), at));
}

[[gnu::noinline]] bool PageTable::make_folded_again() {
  DetachedTables clean;
  Frame* top = take_clean_tables(folded_->tables(), clean);
  if (top == nullptr) return false;
  top_ = top;
  for (const FoldedTables::Part& part : folded_->parts()) {
    if (part.entry.raw() != 0) put_back(part, clean);
  }
  folded_->release_all();
  folded_ = nullptr;
  mm_->top_table.store(frame_address(*top), std::memory_order_relaxed);
  flush_tlb_mm(*mm_);
  expect_sleeper();
  return true;
}

bool PageTable::remove_folded(UserAddr start, UserAddr end, RssDelta& removed) {
  std::span<FoldedTables::Part> parts = folded_->parts_in(start, end);
  for (const FoldedTables::Part& part : parts) {
    if (part.level() > 0) return false;
  }
  for (FoldedTables::Part& part : parts) {
    if (part.entry.raw() == 0) continue;
    Frame& page = frame_at(std::exchange(part.entry, Pte()).address());
    if (!is_counted(page)) continue;
    removed.count(page);
    put_frame(page);
  }
  return true;
}

PageTable::Start PageTable::start_in_folded(UserAddr address) const {
  std::span<FoldedTables::Part> found = folded_->parts_in(address, address + 1);
  if (found.empty()) return {nullptr, 0};
  return {&found.front().entry, found.front().level()};
}

bool PageTable::has_folded_near(UserAddr address) const {
  const UserAddr end = leaf_end(address);
  return is_folded() && !folded_->parts_in(UserAddr(end.value - kLeafBytes), end).empty();
}

Result<uint64_t> fold_tables(Mm& mm) {
  if (!mm.mmap_lock.try_lock()) return Errno::busy;
  uint64_t gained = 0;
  if (mm.locked_vm == 0 && mm.default_flags == 0) {
    SpinGuard guard(mm.page_table_lock);
    gained = mm.page_table.fold();
  }
  mm.mmap_lock.unlock();
  return gained;
}

}  // namespace tine::mm
