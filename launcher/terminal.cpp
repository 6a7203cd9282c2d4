// SPDX-License-Identifier: MIT
//
// See terminal.h.
#include "terminal.h"

#include <sys/ioctl.h>

namespace tine::launcher {

RawTerminal::RawTerminal(int fd, bool raw_output) : fd_(fd) {
  termios mode{};
  if (::tcgetattr(fd, &mode) != 0) return;
  saved_ = mode;
  const tcflag_t output = mode.c_oflag;
  ::cfmakeraw(&mode);
  if (!raw_output) mode.c_oflag = output;
  ::tcsetattr(fd, TCSADRAIN, &mode);
}

RawTerminal::~RawTerminal() {
  if (saved_) ::tcsetattr(fd_, TCSADRAIN, &*saved_);
}

WindowSize window_size_of(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0) return {};
  return {size.ws_row, size.ws_col};
}

}  // namespace tine::launcher
