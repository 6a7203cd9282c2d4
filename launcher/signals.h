// SPDX-License-Identifier: MIT
//
// Signals as something that a poll loop can wait for. While a SignalPipe lives, the signals that
// concern a run arrive as bytes in its descriptor; they also interrupt a blocking write to a
// terminal, because the handlers do not restart system calls. What was ignored at the start (nohup,
// background jobs) stays ignored. One object at a time; the constructor throws Failure.
#pragma once

#include <signal.h>

#include <array>
#include <utility>
#include <vector>

#include "unique_fd.h"

namespace tine::launcher {

class SignalPipe {
 public:
  // SIGALRM arrives after so many seconds, and again until the run ends; 0: never.
  explicit SignalPipe(double alarm_seconds);
  SignalPipe(const SignalPipe&) = delete;
  SignalPipe& operator=(const SignalPipe&) = delete;
  ~SignalPipe();

  int fd() const { return read_end_.get(); }

  // The next signal that arrived; 0 where there is none.
  int take();

 private:
  UniqueFd read_end_;
  UniqueFd write_end_;
  std::vector<std::pair<int, struct sigaction>> old_actions_;
};

}  // namespace tine::launcher
