// SPDX-License-Identifier: MIT
//
// Keeping and linking leaf tables for exec. See ready_tables.h; mm/table_sharing.cpp has the rules
// of tables that are shared.
#include "mm/ready_tables.h"

namespace tine::mm {

ReadyTables::~ReadyTables() {
  for (unsigned i = 0; i < count_; ++i) put_table(*tables_[i].frame, 0);
}

void ReadyTables::keep_from(Mm& mm, UserAddr start, UserAddr end) {
  State none = State::none;
  if (!state_.compare_exchange_strong(none, State::being_made, std::memory_order_relaxed)) return;
  SpinGuard guard(mm.page_table_lock);
  for (LeafWalk walk(mm.page_table, start, end); count_ < kMaxTables && walk.next();) {
    Frame* table = mm.page_table.freeze_leaf(walk.at);
    get_frame(*table);
    for_each_entry(*table, [this](unsigned, arch::Pte&, arch::Pte entry) {
      kind_ = rss_kind(frame_at(entry.address()));
    });
    tables_[count_++] = {UserAddr(walk.at.value & ~(kLeafBytes - 1)), table};
  }
  state_.store(State::kept, std::memory_order_release);
}

void ReadyTables::link_into(Mm& mm) const {
  SpinGuard guard(mm.page_table_lock);
  for (unsigned i = 0; i < count_; ++i) {
    const auto& [window, table] = tables_[i];
    const arch::Pte entry = arch::Pte::table(frame_address(*table)).without_write();
    if (!mm.page_table.insert_below(window, entry)) continue;
    get_frame(*table);
    mm.add_rss(kind_, table->private_value);
  }
}

}  // namespace tine::mm
