// SPDX-License-Identifier: MIT
//
// SigHand: the actions of a process. Callers hold its lock, or are its only owner.
#include <bit>

#include "task/signal/internal.h"

namespace tine {

using namespace signal;

SigHand::SigHand(const SigHand& other) : custom(other.custom) {
  for (SigSet rest = custom; rest != 0; rest &= rest - 1) {
    const int index = std::countr_zero(rest);
    actions_[index] = other.actions_[index];
  }
}

void SigHand::set_action(int number, const SigAction& action) {
  if (action.is_default()) {
    custom &= ~bit(number);
    return;
  }
  actions_[number - 1] = action;
  custom |= bit(number);
}

void SigHand::reset_handlers() {
  for (SigSet rest = custom; rest != 0; rest &= rest - 1) {
    const int number = std::countr_zero(rest) + 1;
    const bool stays_ignored = handler(number) == kIgnoreHandler;
    set_action(number, SigAction{.handler = stays_ignored ? kIgnoreHandler : kDefaultHandler});
  }
}

void SigHand::ignore_all() {
  for (int number = 1; number <= kSignalCount; ++number) {
    set_action(number, SigAction{.handler = kIgnoreHandler});
  }
}

}  // namespace tine
