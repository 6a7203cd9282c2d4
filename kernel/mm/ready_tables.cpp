// SPDX-License-Identifier: MIT
//
// Noting layouts, making leaf tables for them, and linking these. See ready_tables.h;
// mm/table_sharing.cpp has the rules of tables that are shared.
//
// Truncation may come at any time, without the mmap_lock. It first takes pages from the object,
// then makes known that the contents have changed, and then unmaps the pages from all mappings. Who
// links looks for a change under his page_table_lock, when his mappings are in the object's reverse
// map: if he sees none, the unmapping is still to come and finds what he has linked. Who makes
// tables asks for the number of changes first, and the object keeps none that are out of date.
#include "mm/ready_tables.h"

#include <algorithm>

#include "mm/fault_internal.h"
#include "mm/heap.h"
#include "mm/mm_internal.h"
#include "mm/unmap.h"

namespace tine::mm {
namespace {

// Linking costs some 400 instructions, mapping a page 65, a fault for 16 of them 1,500.
constexpr uint64_t kLeastPages = 12;
// Who has a place chosen for him needs a table for his data alone: 4 KiB for each process.
constexpr uint64_t kLeastPagesToPlace = 32;
constexpr uint64_t kInWindow = kLeafBytes - 1;
constexpr unsigned kPagesAtOnce = 64;

constexpr uint64_t window_ceil(uint64_t bytes) { return (bytes + kInWindow) & ~kInWindow; }

// 0: it can be written, or not be accessed.
uint32_t rights_if_constant(const Vma& vma) {
  return vma.flags & (kVmWrite | kVmShared | kVmSpecial) ? 0 : vma.flags & kVmAccess;
}

// What is ready for a mapping that begins as the layout does; null: nothing that would be worth it.
Ref<ReadyTables> ready_for(const Mm& mm, const MapRequest& request, uint64_t least_pages) {
  const bool shows_constants = !(request.flags & (kVmWrite | kVmShared));
  if (!shows_constants || request.below_4g || mm.repeats_places) return {};
  Ref<ReadyTables> ready = request.object->ready_tables();
  if (!ready) return {};
  const ReadyLayout& layout = ready->layout();
  const bool begins_alike = layout.pieces[0].object_page == request.object_page;
  const bool suits = begins_alike && layout.bytes >= least_pages * kPageSize;
  return suits && layout.bytes <= request.length ? std::move(ready) : Ref<ReadyTables>();
}

}  // namespace

ReadyLayout ReadyLayout::below(Mm& mm, UserAddr end, const MemoryObject& object) {
  ReadyLayout layout{.end_in_window = end.value & kInWindow};
  UserAddr at = end;
  Piece* const last = layout.pieces + kMaxPieces;
  Piece* first = last;
  while (first != layout.pieces) {
    const Vma* vma = mm.mappings.find(at - 1);
    if (vma == nullptr || vma->object.get() != &object || !rights_if_constant(*vma)) break;
    *--first = {vma->object_page, vma->pages(), rights_if_constant(*vma)};
    at = vma->start;
  }
  layout.count = static_cast<unsigned>(last - first);
  layout.bytes = end - at;
  std::copy(first, last, layout.pieces);
  return layout;
}

ReadyTables::~ReadyTables() {
  for (Frame* table : tables_) {
    if (table != nullptr) put_table(*table, 0);
  }
}

Result<void> ReadyTables::map_pages(MemoryObject& object) {
  uint64_t at = start_in_window();
  for (const auto& piece : std::span(layout_.pieces, layout_.count)) {
    for (uint64_t done = 0; done < piece.pages;) {
      const uint64_t window = at / kLeafBytes;
      if (window == kMaxTables) return {};
      if (tables_[window] == nullptr) {
        tables_[window] = take_table();
        if (tables_[window] == nullptr) return Errno::nomem;
        count_ = static_cast<unsigned>(window) + 1;
      }
      const uint64_t left =
          std::min(piece.pages - done, (kLeafBytes - at % kLeafBytes) / kPageSize);
      Frame* frames[kPagesAtOnce];
      const std::span found(frames, std::min<uint64_t>(left, kPagesAtOnce));
      object.get_cached_pages(piece.object_page + done, found);
      LeafTable leaf(frame_data<arch::Pte>(*tables_[window]));
      for (Frame* frame : found) {
        if (frame != nullptr) {
          kind_ = rss_kind(*frame);
          leaf.insert(LeafTable::index_of(UserAddr(at)), readable_page(*frame, piece.rights));
        }
        at += kPageSize;
      }
      done += found.size();
    }
  }
  return {};
}

Result<Ref<ReadyTables>> ReadyTables::make(MemoryObject& object, const ReadyLayout& layout) {
  Ref<ReadyTables> made = TRY(make_ref<ReadyTables>(layout));
  TRY(made->map_pages(object));
  for (Frame*& table : made->tables_) {
    if (table != nullptr && table->private_value == 0) free_table(*std::exchange(table, nullptr));
  }
  return made;
}

bool ReadyTables::fits(Mm& mm, UserAddr end, const MemoryObject& object) const {
  const uint64_t end_in_window = end.value & kInWindow;
  const bool begins_table = end_in_window == 0 && !has_tables();
  if (end_in_window != layout_.end_in_window && !begins_table) return false;
  UserAddr at = end;
  for (unsigned i = layout_.count; i-- > 0;) {
    const auto& piece = layout_.pieces[i];
    const Vma* vma = mm.mappings.find(at - 1);
    if (vma == nullptr || vma->object.get() != &object || vma->object_page != piece.object_page ||
        at - vma->start != piece.pages << kPageShift || rights_if_constant(*vma) != piece.rights) {
      return false;
    }
    at = vma->start;
  }
  return true;
}

UserAddr ReadyTables::fit(UserAddr start) const {
  const uint64_t end_in_window = has_tables() ? layout_.end_in_window : 0;
  const uint64_t beyond = (start.value + layout_.bytes - end_in_window) & kInWindow;
  return UserAddr(start.value - beyond);
}

void ReadyTables::link_into(Mm& mm, UserAddr end, const MemoryObject& object,
                            uint64_t changes) const {
  UserAddr window((end.value - layout_.bytes) & ~kInWindow);
  SpinGuard guard(mm.page_table_lock);
  if (object.changes() != changes) return;
  for (unsigned i = 0; i < count_; ++i, window += kLeafBytes) {
    Frame* const table = tables_[i];
    if (table == nullptr) continue;
    const arch::Pte entry = arch::Pte::table(frame_address(*table)).without_write();
    if (!mm.page_table.insert_below(window, entry)) continue;
    get_frame(*table);
    mm.add_rss(kind_, table->private_value);
  }
}

namespace {

// Notes the layout of what is seen for the first time, and makes tables the second time. Null: not
// yet, or there is no memory: faults do it.
[[gnu::noinline]] Ref<ReadyTables> note_or_make(Mm& mm, UserAddr end, MemoryObject& object,
                                                const ReadyTables* noted, uint64_t changes)
    REQUIRES(mm.mmap_lock) {
  const ReadyLayout layout = ReadyLayout::below(mm, end, object);
  // Who is at the same addresses in each run has nothing to tell those who are not.
  if (layout.bytes < kLeastPages * kPageSize || mm.repeats_places) return {};
  auto made = noted != nullptr ? ReadyTables::make(object, layout) : make_ref<ReadyTables>(layout);
  if (!made) return {};
  object.keep_ready_tables(*made, changes);
  return noted != nullptr ? std::move(*made) : Ref<ReadyTables>();
}

}  // namespace

void share_ready_tables(Mm& mm, UserAddr start, MemoryObject& object) {
  const uint64_t changes = object.changes();
  Ref<ReadyTables> ready = object.ready_tables();
  const bool fits = ready && ready->fits(mm, start, object);
  if (!ready || !ready->has_tables()) [[unlikely]] {
    ready = note_or_make(mm, start, object, fits ? ready.get() : nullptr, changes);
    if (!ready) return;
  } else if (!fits) {
    return;
  }
  ready->link_into(mm, start, object, changes);
}

std::optional<UserAddr> place_for_ready_tables(Mm& mm, const MapRequest& request, uint64_t length) {
  const Ref<ReadyTables> ready = ready_for(mm, request, kLeastPagesToPlace);
  if (!ready) return {};
  const uint64_t constants = ready->layout().bytes;
  // All of the windows that the tables map is to be free, so that they can be linked.
  const uint64_t below = window_ceil(constants) - constants;
  const Result<UserAddr> found = find_free_range(mm, below + length + kInWindow, false);
  if (!found) return {};
  const UserAddr start = ready->fit(*found + below + kInWindow).page_floor();
  // Where the data would be written to lies somebody else's shared table: below it, then.
  SpinGuard guard(mm.page_table_lock);
  const UserAddr lower = start - kLeafBytes;
  const bool is_taken = mm.page_table.needs_own(start + constants);
  return is_taken && is_range_free(mm, lower - below, lower + length) ? lower : start;
}

UserAddr near_for_ready_tables(Mm& mm, const MapRequest& request) {
  const Ref<ReadyTables> ready = ready_for(mm, request, kLeastPages);
  return ready ? ready->fit(request.address) : request.address;
}

}  // namespace tine::mm
