// SPDX-License-Identifier: MIT
//
// ForkUnderWay: what makes a fork and a signal to several processes (kill(0), kill(-1),
// kill(-pgid)) have an order (G5). Signals that are there already are handled before the fork.
// Those to the whole group that come during it reach the parent, and are remembered here for the
// child, which is not a member yet: it is born with them pending, as if they had come after the
// fork.
//
// Registered in SignalState for the length of copy_process(); guarded by the caller's sighand lock.
#pragma once

#include "core/result.h"
#include "task/clone/clone_request.h"
#include "task/signal/signal.h"

namespace tine {

struct SignalState;

class ForkUnderWay {
 public:
  explicit ForkUnderWay(Task& caller) : caller_(caller) {}
  ForkUnderWay(const ForkUnderWay&) = delete;
  ForkUnderWay& operator=(const ForkUnderWay&) = delete;
  ~ForkUnderWay();

  // restart_nointr: a signal must be handled first; EINTR: the caller is dying. A thread needs no
  // registration: it shares the pending signals.
  Result<void> begin(const CloneRequest& request);
  // The child takes what came meanwhile. With the caller's sighand lock held.
  void deliver_to(Task& child) const;

  // A signal that is sent to more processes than this one. With the sighand lock held.
  static void note_group_signal(SignalState& process, int number);

 private:
  Task& caller_;
  bool is_registered_ = false;
  signal::SigSet delayed_ = 0;
  ForkUnderWay* next_ = nullptr;
};

}  // namespace tine
