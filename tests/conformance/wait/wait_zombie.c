// SPDX-License-Identifier: MIT
// CONTRACT: G8 B57
//
// A zombie keeps its number, is state Z, can be signalled without effect and is not scheduled.
#include "check.h"

int main(void) {
  pid_t child = must(fork());
  if (child == 0) _exit(5);
  wait_state(child, 'Z');
  equal("signal 0 works", kill(child, 0), 0);
  equal("SIGKILL is accepted", kill(child, SIGKILL), 0);
  equal("group still known", getpgid(child), getpgrp());
  equal("session still known", getsid(child), getsid(0));
  char path[64], text[64];
  snprintf(path, sizeof path, "/proc/%d/cmdline", child);
  equal("no command line", slurp(path, text, sizeof text), 0);
  exits("status unchanged by the kill", child, 5);
  fails("gone", kill(child, 0), ESRCH);
  equal("and from /proc", stat_field(child, 3), -1);
  return finish();
}
