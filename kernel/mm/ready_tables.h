// SPDX-License-Identifier: MIT
//
// ReadyTables: the leaf tables that map a program's or library's code and constants, kept from one
// run for the next. Linking one is as at a fork: the address space shares it, and copies it with
// the first change.
//
// A loader, be it exec or the dynamic linker, maps what cannot be written of a file and the file's
// data behind it. So a private mapping that may be written, put directly behind others of the same
// file that may not, completes such an image, and is the moment to link (share_ready_tables()). The
// first time an object is seen like that, only its layout is noted; the second time tables are
// made.
//
// They fit wherever the layout lies at the same place of its 2 MiB. An object without an address of
// its own is therefore put where its data begins with a table (place_for_ready_tables()): then
// nothing is ever written below what the shared ones map, and none is copied.
//
// Kept with the contents that they map (MemoryObject), and gone when those change. Constant once
// they are kept. An entry of a table here counts as one owner of it.
#pragma once

#include <optional>

#include "mm/mm.h"

namespace tine::mm {

// Mappings of an object that touch one another and cannot be written, from the lowest up.
struct ReadyLayout {
  static constexpr unsigned kMaxPieces = 4;
  struct Piece {
    uint64_t object_page;
    uint64_t pages;
    uint32_t rights;
  };

  Piece pieces[kMaxPieces] = {};
  unsigned count = 0;
  uint64_t bytes = 0;
  uint64_t end_in_window = 0;  // the address where it ends, modulo 2 MiB

  // What lies directly below `end` and shows `object`.
  static ReadyLayout below(Mm& mm, UserAddr end, const MemoryObject& object) REQUIRES(mm.mmap_lock);
};

class ReadyTables : public RefCounted<ReadyTables> {
 public:
  static constexpr const char* kCacheName = "ready_tables";
  explicit ReadyTables(const ReadyLayout& layout) : layout_(layout) {}
  ~ReadyTables();

  // Tables for the pages of `object` that are in memory now. ENOMEM.
  static Result<Ref<ReadyTables>> make(MemoryObject& object, const ReadyLayout& layout);

  const ReadyLayout& layout() const { return layout_; }
  bool has_tables() const { return count_ != 0; }
  // Whether what lies below `end` can be mapped by these tables, or by some that will be made.
  bool fits(Mm& mm, UserAddr end, const MemoryObject& object) const REQUIRES(mm.mmap_lock);
  // The highest start at or below `start` with which the layout fits.
  UserAddr fit(UserAddr start) const;

  // Into `mm`, which shows the layout below `end`; where there is a table already, or no memory,
  // faults do it. No effect if the object's contents have changed since `changes`.
  void link_into(Mm& mm, UserAddr end, const MemoryObject& object, uint64_t changes) const
      REQUIRES(mm.mmap_lock);

 private:
  static constexpr unsigned kMaxTables = 8;  // what lies beyond is left to faults

  // The offset of the layout's first page in the first table's window.
  uint64_t start_in_window() const {
    return (layout_.end_in_window - layout_.bytes) & (kLeafBytes - 1);
  }
  Result<void> map_pages(MemoryObject& object);

  const ReadyLayout layout_;
  RssKind kind_ = RssKind::file;  // of all pages: an object's count alike
  unsigned count_ = 0;
  Frame* tables_[kMaxTables] = {};  // of one window after the other
};

// After a private mapping of `object` that may be written was made at `start`: notes or links what
// lies below it.
void share_ready_tables(Mm& mm, UserAddr start, MemoryObject& object) REQUIRES(mm.mmap_lock);

// Where `request`, without an address, should begin so that tables fit its `length` bytes; none:
// anywhere.
std::optional<UserAddr> place_for_ready_tables(Mm& mm, const MapRequest& request, uint64_t length)
    REQUIRES(mm.mmap_lock);
// The same for one that is to begin at its address, or up to 2 MiB below it.
UserAddr near_for_ready_tables(Mm& mm, const MapRequest& request);

}  // namespace tine::mm
