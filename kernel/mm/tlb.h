// SPDX-License-Identifier: MIT
//
// Keeping translation caches honest: after an entry loses a right or its frame, no CPU may use the
// old one before the frame is given to somebody else.
//
// flush_tlb_*() act on this CPU and, by interrupting them, on those others that use the Mm; they
// wait for these, so the caller has interrupts on and holds no lock that is taken with them off.
// UnmapBatch collects frames and tables that have become unreachable and frees them after the
// flush. FlushOnExit is the flush of a parent whose entries were write-protected by a fork: its
// destructor does it on the error path too (B23). Nothing here fails or sleeps.
#pragma once

#include "core/types.h"
#include "mm/frame.h"
#include "mm/page_table.h"

namespace tine::mm {

struct Mm;

void flush_tlb_mm(Mm& mm);
void flush_tlb_range(Mm& mm, UserAddr start, UserAddr end);
// The same where tables that were part of the range are given up afterwards.
void flush_tlb_tables(Mm& mm, UserAddr start, UserAddr end);
// Nobody runs in it any more: no CPU keeps its tables loaded, which are about to be freed.
void unload_everywhere(Mm& mm);

class UnmapBatch {
 public:
  explicit UnmapBatch(Mm& mm) : mm_(mm) {}
  UnmapBatch(const UnmapBatch&) = delete;
  UnmapBatch& operator=(const UnmapBatch&) = delete;
  ~UnmapBatch() { finish(); }

  static constexpr unsigned kCapacity = 64;
  bool is_full() const { return count_ == kCapacity; }
  // The caller's reference, of an entry just removed at `at`. The batch must not be full.
  void add(Frame& frame) { frames_[count_++] = &frame; }
  void note_range(UserAddr start, UserAddr end) {
    if (start < start_) start_ = start;
    if (end > end_) end_ = end;
  }
  void note_dropped_table() { drops_table_ = true; }  // the caller puts it after finish()
  DetachedTables& tables() { return tables_; }
  void finish();  // flush, then free

 private:
  Mm& mm_;
  UserAddr start_{~uint64_t{0}};
  UserAddr end_;
  unsigned count_ = 0;
  bool drops_table_ = false;
  DetachedTables tables_;
  Frame* frames_[kCapacity];
};

class FlushOnExit {
 public:
  explicit FlushOnExit(Mm& mm) : mm_(mm) {}
  FlushOnExit(const FlushOnExit&) = delete;
  FlushOnExit& operator=(const FlushOnExit&) = delete;
  ~FlushOnExit() {
    if (needed_) flush_tlb_mm(mm_);
  }
  void note_write_protected() { needed_ = true; }

 private:
  Mm& mm_;
  bool needed_ = false;
};

}  // namespace tine::mm
