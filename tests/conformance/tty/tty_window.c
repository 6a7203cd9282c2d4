// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// Window size: set and read on both sides, SIGWINCH to the foreground group; hang-up of the pair.
#include <poll.h>

#include "pty.h"

static volatile sig_atomic_t changed;
static void on_signal(int number) { (void)number, changed++; }

int main(void) {
  struct pty pty = pty_open();
  struct winsize size = {33, 111, 0, 0}, seen;
  must(ioctl(pty.master, TIOCSWINSZ, &size));
  must(ioctl(pty.slave, TIOCGWINSZ, &seen));
  ok("seen by the other side", seen.ws_row == 33 && seen.ws_col == 111);
  struct gate ready = gate_make();
  pid_t child = must(fork());
  if (child == 0) {
    must(setsid());
    must(ioctl(pty.slave, TIOCSCTTY, 0));
    handle(SIGWINCH, on_signal, 0);
    sigset_t empty;
    sigemptyset(&empty);
    block(SIGWINCH);
    gate_open(ready);
    while (changed == 0) sigsuspend(&empty);
    must(ioctl(pty.slave, TIOCGWINSZ, &seen));
    _exit(seen.ws_row == 44 ? 0 : 1);
  }
  gate_wait(ready);
  size.ws_row = 44;
  must(ioctl(pty.master, TIOCSWINSZ, &size));
  exits("SIGWINCH with the new size", child, 0);
  struct pty other = pty_open();
  ok("another pair, another name", strcmp(other.name, pty.name) != 0);
  must(close(other.slave));
  char byte;
  fails("master of a closed slave", read(other.master, &byte, 1), EIO);
  struct pollfd watch = {other.master, POLLIN, 0};
  must(poll(&watch, 1, 0));
  ok("POLLHUP", (watch.revents & POLLHUP) != 0);
  int again = must(open(other.name, O_RDWR | O_NOCTTY));
  must(write(again, "z", 1));
  equal("opened again", read(other.master, &byte, 1), 1);
  must(close(other.master));
  equal("slave of a closed master", read(again, &byte, 1), 0);
  fails("write to it", write(again, "x", 1), EIO);
  fails("its name is gone", open(other.name, O_RDWR | O_NOCTTY), ENOENT);
  return finish();
}
