// SPDX-License-Identifier: MIT
//
// Huge pages in the page tables. An entry of a table of the lowest upper level shows 2 MiB of
// memory itself; the leaf table that it stands for is kept in reserve, empty, and is what is
// counted: how many entries show the huge page, and later, when it has been filled in, how many
// lead to it.
//
// Rules. (1) The reserve leads to the huge page (Frame::huge_page) until it is filled in; the head
// of the huge page leads to the reserve (Frame::reserve_table) as long as an entry shows it. (2)
// While the count is above one, no entry allows writing, and nobody changes the rights of one. (3)
// Who must treat the small pages differently fills the reserve in, if nobody has yet: the block
// becomes 512 frames, owned once each by that table. His entry then leads to the table, and what
// follows is the sharing of tables (mm/table_sharing.cpp). The entries of others still show the 2
// MiB, which is true as long as the table is shared, for nobody changes it; before its last owner
// does, his entry leads there too.
//
// Entries belong to the Mm's page_table_lock. Owners of different address spaces may want the same
// table filled in at once; `filling_in` lets one do it. Splitting needs no memory and cannot fail.
#include "mm/huge_page.h"
#include "mm/tlb.h"
#include "mm/unmap.h"
#include "sync/spin_lock.h"

namespace tine::mm {

using arch::Pte;

namespace {

SpinLock filling_in{LockRank::huge_page};
std::atomic<int64_t> huge_pages{0};

// Of those that transparently stand for small ones; the pool counts its own.
void count_huge_page(const Frame& block, int change) {
  if (block.kind == FrameKind::anonymous) huge_pages.fetch_add(change, std::memory_order_relaxed);
}

void forget_huge_page(Frame& reserve) {
  count_huge_page(*huge_page_of(reserve), -1);
  __atomic_store_n(&reserve.huge_page, 0, __ATOMIC_RELEASE);
}

// `huge` is one of the entries that show the huge page; the others have the same rights.
void fill_in(Frame& reserve, Pte huge) {
  SpinGuard guard(filling_in);
  Frame* block = huge_page_of(reserve);
  if (block == nullptr) return;
  split_block(*block);
  for (unsigned i = 0; i < arch::kTableEntries; ++i) entry_of(reserve, i) = huge.small_page(i);
  reserve.private_value = arch::kTableEntries;
  reserve.table_groups = ~uint64_t{0};
  forget_huge_page(reserve);
}

}  // namespace

uint64_t huge_page_count() {
  return static_cast<uint64_t>(huge_pages.load(std::memory_order_relaxed));
}

Frame* take_huge_page(FrameKind kind) {
  Frame* block = take_frames(kHugePageOrder, kind);
  if (block == nullptr) return nullptr;
  Frame* reserve = take_table();
  if (reserve == nullptr) {
    put_frame(*block);
    return nullptr;
  }
  block->reserve_table = reserve;
  reserve->huge_page = frame_number(*block);
  count_huge_page(*block, 1);
  return reserve;
}

void free_huge_page(Frame& reserve) {
  Frame& block = *huge_page_of(reserve);
  forget_huge_page(reserve);
  put_frame(block);
}

Pte huge_entry(const Frame& huge, uint32_t vm_flags) {
  arch::PteFlags flags = entry_flags(vm_flags) | arch::kHuge;
  if (vm_flags & kVmWrite) flags |= arch::kWritable | arch::kDirty;
  return Pte::page(frame_address(huge), flags);
}

Pte* PageTable::entry_above_leaf(UserAddr address) const {
  auto [entry, level] = start_of(address);
  if (entry == nullptr || level == 0) return nullptr;
  for (; level > 1; --level) {
    const Pte seen = load_entry(*entry);
    if (!seen.is_present()) return nullptr;
    entry = &slot(frame_at(seen.address()), level - 1, address);
  }
  return entry;
}

Pte* PageTable::find_huge(UserAddr address) const {
  Pte* entry = entry_above_leaf(address);
  return entry != nullptr && load_entry(*entry).is_huge() ? entry : nullptr;
}

Pte* PageTable::own_huge_entry(UserAddr address) {
  if (find_huge(address) == nullptr || !own(address, 1)) return nullptr;
  return find_huge(address);  // in the table that is ours now
}

Pte* PageTable::own_huge(UserAddr address) {
  Pte* entry = own_huge_entry(address);
  if (entry == nullptr) return nullptr;
  const Frame& reserve = table_below(*entry);
  const bool is_ours =
      reserve.count.load(std::memory_order_acquire) == 1 && huge_page_of(reserve) != nullptr;
  return is_ours ? entry : nullptr;
}

bool PageTable::own_window(UserAddr at, UserAddr end) {
  const bool is_whole = at.value % kHugePageSize == 0 && end - at >= kHugePageSize;
  return (is_whole && own_huge(at) != nullptr) || own(at);
}

bool PageTable::insert_below(UserAddr window, Pte entry) {
  Frame* table = make_path(window, 1);
  if (table == nullptr) return false;
  Pte& place = slot(*table, 1, window);
  if (place.raw() != 0) return false;
  place = entry;
  note_entry(*table, index_at(1, window));
  ++tables_;
  return true;
}

void PageTable::move_window(UserAddr from, UserAddr to) {
  Pte& source = *entry_above_leaf(from);
  Pte& target = *entry_above_leaf(to);
  Pte none;
  __atomic_exchange(&source, &none, &target, __ATOMIC_RELAXED);
  --frame_of_pointer(&source).private_value;
  note_entry(frame_of_pointer(&target), index_at(1, to));
}

Frame* PageTable::freeze_leaf(UserAddr window) {
  Pte* entry = entry_above_leaf(window);
  if (entry == nullptr || !entry->is_present()) return nullptr;
  *entry = entry->without_write();
  flush_tlb_range(*mm_, window, window + kHugePageSize);
  return &frame_at(entry->address());
}

void PageTable::replace_below(UserAddr window, Pte huge) {
  Pte& entry = *entry_above_leaf(window);
  entry = Pte();
  flush_tlb_tables(*mm_, window, window + kHugePageSize);
  entry = huge;
}

// The entry leads to the table afterwards, as to any that may be shared. It is empty meanwhile, so
// that no processor has the huge page and small ones in its translation cache at once.
void PageTable::split_huge(Pte& entry, UserAddr address) {
  Frame& reserve = table_below(entry);
  Pte huge, none;
  __atomic_exchange(&entry, &none, &huge, __ATOMIC_RELAXED);
  flush_tlb_range(*mm_, address, address + kPageSize);
  fill_in(reserve, huge);
  entry = Pte::table(frame_address(reserve)).without_write();
}

}  // namespace tine::mm
