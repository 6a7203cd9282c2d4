// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// Canonical input: lines, erase, kill, end of file, echo, output processing; raw mode, VMIN.
#include <poll.h>

#include "pty.h"

static char text[256];
static long take(int descriptor) {
  memset(text, 0, sizeof text);
  return read(descriptor, text, sizeof text - 1);
}

int main(void) {
  struct pty pty = pty_open();
  ok("both are terminals", isatty(pty.master) && isatty(pty.slave));
  must(write(pty.master, "ab\177c\n", 5));
  ok("erase", take(pty.slave) == 3 && strcmp(text, "ac\n") == 0);
  ok("echo", take(pty.master) > 0 && strcmp(text, "ab\b \bc\r\n") == 0);
  must(write(pty.master, "junk\025line\r", 10));
  ok("kill, and CR becomes NL", take(pty.slave) == 5 && strcmp(text, "line\n") == 0);
  take(pty.master);
  must(write(pty.master, "one\ntwo\n", 8));
  ok("a line at a time", take(pty.slave) == 4 && strcmp(text, "one\n") == 0);
  ok("then the next", take(pty.slave) == 4 && strcmp(text, "two\n") == 0);
  must(write(pty.master, "part\004", 5));
  ok("end of file gives what there is", take(pty.slave) == 4);
  must(write(pty.master, "\004", 1));
  equal("and alone nothing", take(pty.slave), 0);
  take(pty.master);
  must(write(pty.slave, "x\ny", 3));
  ok("newline becomes CR NL", take(pty.master) == 4 && strcmp(text, "x\r\ny") == 0);
  must(write(pty.master, "quit\026\003\n", 7));
  ok("literal next", take(pty.slave) == 6 && text[4] == 3);
  take(pty.master);
  struct termios settings, back;
  must(tcgetattr(pty.slave, &settings));
  ok("defaults", (settings.c_lflag & (ICANON | ECHO | ISIG)) == (ICANON | ECHO | ISIG) &&
                     (settings.c_oflag & OPOST) != 0 && (settings.c_iflag & ICRNL) != 0);
  ok("control characters",
     settings.c_cc[VINTR] == 3 && settings.c_cc[VEOF] == 4 && settings.c_cc[VERASE] == 127);
  cfmakeraw(&settings);
  settings.c_cc[VMIN] = 1;
  settings.c_cc[VTIME] = 0;
  must(tcsetattr(pty.slave, TCSAFLUSH, &settings));
  must(tcgetattr(pty.slave, &back));
  equal("reads back", (long)back.c_lflag, (long)settings.c_lflag);
  must(write(pty.master, "a\003\r", 3));
  ok("raw bytes", take(pty.slave) == 3 && memcmp(text, "a\003\r", 3) == 0);
  must(write(pty.slave, "\n", 1));
  ok("no echo, no processing", take(pty.master) == 1 && text[0] == '\n');
  settings.c_cc[VMIN] = 0;
  must(tcsetattr(pty.slave, TCSANOW, &settings));
  equal("VMIN 0 does not wait", take(pty.slave), 0);
  int waiting = -1;
  must(write(pty.master, "123", 3));
  struct pollfd watch = {pty.slave, POLLIN, 0};
  must(poll(&watch, 1, 10000));
  must(ioctl(pty.slave, FIONREAD, &waiting));
  equal("FIONREAD", waiting, 3);
  must(tcflush(pty.slave, TCIFLUSH));
  must(ioctl(pty.slave, FIONREAD, &waiting));
  equal("flushed", waiting, 0);
  return finish();
}
