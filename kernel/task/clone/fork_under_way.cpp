// SPDX-License-Identifier: MIT
//
// Signals that meet a fork: see the header.
#include "task/clone/fork_under_way.h"

#include "task/signal_state.h"

namespace tine {

using namespace signal;

Result<void> ForkUnderWay::begin(const CloneRequest& request) {
  IrqGuard guard(caller_.sighand->lock);
  if (signal_pending(caller_)) [[unlikely]] {
    recalculate_pending(caller_);
    if (fatal_signal_pending(caller_)) return Errno::intr;
    if (signal_pending(caller_)) return Errno::restart_nointr;
  }
  if (request.has(kCloneThread)) return {};
  is_registered_ = true;
  next_ = caller_.signal->forks_under_way;
  caller_.signal->forks_under_way = this;
  return {};
}

ForkUnderWay::~ForkUnderWay() {
  if (!is_registered_) return;
  IrqGuard guard(caller_.sighand->lock);
  ForkUnderWay** link = &caller_.signal->forks_under_way;
  while (*link != this) link = &(*link)->next_;
  *link = next_;
}

void ForkUnderWay::deliver_to(Task& child) const {
  if (delayed_ == 0) return;
  child.signal->shared_pending.set = delayed_;
  if (delayed_ & ~child.blocked) child.work.fetch_or(sched::kWorkSignal);
}

void ForkUnderWay::note_group_signal(SignalState& process, int number) {
  for (ForkUnderWay* fork = process.forks_under_way; fork != nullptr; fork = fork->next_) {
    if (number == kSigCont)
      fork->delayed_ &= ~kStopSignals;
    else if (bit(number) & kStopSignals)
      fork->delayed_ &= ~bit(kSigCont);
    fork->delayed_ |= bit(number);
  }
}

}  // namespace tine
