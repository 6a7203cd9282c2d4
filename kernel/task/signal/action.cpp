// SPDX-License-Identifier: MIT
//
// SigHand: the actions of a process. Callers hold its lock, or are its only owner.
#include <bit>

#include "task/signal/internal.h"

namespace tine {

using namespace signal;

SigHand::SigHand(const SigHand& other)
    : custom_(other.custom_), ignored_(other.ignored_), table_(other.table_) {}

// Makes the table exist and belong to this process alone.
Result<void> SigHand::own_table() {
  Ref<ActionTable> own = TRY(make_ref<ActionTable>());
  for (SigSet rest = custom_; rest != 0; rest &= rest - 1) {
    const int index = std::countr_zero(rest);
    own->actions[index] = table_->actions[index];
  }
  table_ = std::move(own);
  return {};
}

Result<void> SigHand::set_action(int number, const SigAction& action) {
  const bool is_plain = (action.flags | action.restorer | action.mask) == 0;
  const bool needs_table = !is_plain || action.handler > kIgnoreHandler;
  if (needs_table) {
    if (!table_ || !table_->is_only_reference()) TRY(own_table());
    table_->actions[number - 1] = action;
  }
  set_default(number);
  if (needs_table) custom_ |= bit(number);
  if (action.handler == kIgnoreHandler) ignored_ |= bit(number);
  return {};
}

void SigHand::set_default(int number) {
  custom_ &= ~bit(number);
  ignored_ &= ~bit(number);
}

void SigHand::reset_handlers() {
  custom_ = 0;
  table_.reset();
}

void SigHand::ignore_all() {
  custom_ = 0;
  ignored_ = ~SigSet{0};
}

}  // namespace tine
