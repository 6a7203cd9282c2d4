// SPDX-License-Identifier: MIT
//
// /init of the damaged archives that tests/suites/hostile makes: says that it lives and powers the
// machine off. As any other process than the first it does nothing.
#include <sys/reboot.h>

#include "check.h"

int main(void) {
  if (getpid() != 1) return 2;
  int console = open("/dev/console", O_RDWR);
  if (console >= 0) dup2(console, 1);
  say("init alive");
  reboot(RB_POWER_OFF);
  return 1;
}
