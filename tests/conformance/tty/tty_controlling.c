// SPDX-License-Identifier: MIT
// CONTRACT: A13 B60 issue-2
//
// Controlling terminals: TIOCSCTTY, /dev/tty, tcgetsid, TIOCNOTTY; hang-up when the leader ends.
#include <sys/prctl.h>

#include "pty.h"

int main(void) {
  struct pty pty = pty_open();
  struct gate ready = gate_make();
  fails("none yet", open("/dev/tty", O_RDWR), ENXIO);
  pid_t* member = shared_memory(4096);
  must(prctl(PR_SET_CHILD_SUBREAPER, 1));
  pid_t leader = must(fork());
  if (leader == 0) {
    must(setsid());
    must(ioctl(pty.slave, TIOCSCTTY, 0));
    equal("session of the terminal", tcgetsid(pty.slave), getpid());
    equal("foreground group", tcgetpgrp(pty.slave), getpid());
    int tty = must(open("/dev/tty", O_RDWR));
    must(write(tty, "via tty", 7));
    ok("terminal in stat", stat_field(getpid(), 7) > 0 && stat_field(getpid(), 8) == getpid());
    fails("not a terminal", ioctl(must(open("/dev/null", O_RDONLY)), TIOCSCTTY, 0), ENOTTY);
    pid_t child = must(fork());
    if (child == 0) {
      ok("inherited by fork", open("/dev/tty", O_RDWR) >= 0);
      must(setsid());
      fails("setsid loses it", open("/dev/tty", O_RDWR), ENXIO);
      fails("already somebody's", ioctl(pty.slave, TIOCSCTTY, 0), EPERM);
      _exit(check_failures);
    }
    exits("child", child, 0);
    pid_t inner = must(fork());
    if (inner == 0) {
      gate_open(ready);
      for (;;) pause();
    }
    *member = inner;
    gate_wait(ready);
    _exit(check_failures);
  }
  exits("leader", leader, 0);
  killed_by("SIGHUP to the foreground group", *member, SIGHUP);
  char text[16] = {0};
  must(read(pty.master, text, 15));
  ok("/dev/tty is the terminal", strcmp(text, "via tty") == 0);
  return finish();
}
