// SPDX-License-Identifier: MIT
//
// The host's terminal while a guest has it: raw input, so that every key reaches the guest's own
// line discipline, and the old mode again when the object dies, however the launcher ends (short of
// SIGKILL). Only tcsetattr on a terminal that vanished can fail, and then nothing is to be done.
#pragma once

#include <termios.h>

#include <optional>

#include "run_config.h"

namespace tine::launcher {

class RawTerminal {
 public:
  // `raw_output`: also leave output untouched, because all of it comes from the guest's terminal.
  RawTerminal(int fd, bool raw_output);
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal();

 private:
  int fd_;
  std::optional<termios> saved_;
};

WindowSize window_size_of(int fd);

}  // namespace tine::launcher
