// SPDX-License-Identifier: MIT
//
// ReadyTables: the leaf tables that map a program's code and constants, kept from one exec for the
// next. Linking one is as at a fork: the address space shares it, and copies it with the first
// change, which is cheaper than mapping its pages one by one; where code fills the 2 MiB of a
// table, nothing is ever copied.
//
// Kept with the contents that they map (PreparedImage), at addresses that are the same in each run.
// Whoever keeps or links them must have denied writing to the contents since he asked for them:
// what is linked must not be truncated meanwhile (MemoryObject::deny_write()).
//
// Made once, by the first who finishes; constant from then on. An entry of a table here counts as
// one owner of it.
#pragma once

#include <atomic>

#include "mm/mm.h"
#include "mm/unmap.h"

namespace tine::mm {

class ReadyTables {
 public:
  ReadyTables() = default;
  ReadyTables(const ReadyTables&) = delete;
  ReadyTables& operator=(const ReadyTables&) = delete;
  ~ReadyTables();

  bool are_kept() const { return state_.load(std::memory_order_acquire) == State::kept; }

  // From now on `mm`, in which nobody has run, shares its tables of [start, end) with those to
  // come. They map pages of one object and nothing that may be written. No effect if some are kept.
  void keep_from(Mm& mm, UserAddr start, UserAddr end);

  // Into `mm`, which has nothing there yet. What there is no memory for is left to faults.
  void link_into(Mm& mm) const;

 private:
  enum class State : uint8_t { none, being_made, kept };
  struct Table {
    UserAddr window;
    Frame* frame;
  };
  static constexpr unsigned kMaxTables = 8;  // what lies in others is left to faults

  std::atomic<State> state_{State::none};
  RssKind kind_ = RssKind::file;  // of all pages: an object's count alike
  unsigned count_ = 0;
  Table tables_[kMaxTables];
};

}  // namespace tine::mm
