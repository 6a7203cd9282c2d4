// SPDX-License-Identifier: MIT
//
// Opens a pseudo-terminal pair for the terminal conformance programs. The caller owns both
// descriptors; the slave is opened with O_NOCTTY, so nobody gets a controlling terminal by it.
#ifndef TINE_TESTS_CONFORMANCE_PTY_H_
#define TINE_TESTS_CONFORMANCE_PTY_H_

#include <sys/ioctl.h>
#include <termios.h>

#include "check.h"

struct pty {
  int master, slave;
  char name[32];
};

static inline struct pty pty_open(void) {
  struct pty pty;
  int number = -1, unlocked = 0;
  pty.master = (int)must(open("/dev/ptmx", O_RDWR | O_NOCTTY));
  must(ioctl(pty.master, TIOCSPTLCK, &unlocked));
  must(ioctl(pty.master, TIOCGPTN, &number));
  snprintf(pty.name, sizeof pty.name, "/dev/pts/%d", number);
  pty.slave = (int)must(open(pty.name, O_RDWR | O_NOCTTY));
  return pty;
}

#endif  // TINE_TESTS_CONFORMANCE_PTY_H_
