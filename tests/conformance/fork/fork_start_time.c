// SPDX-License-Identifier: MIT
// CONTRACT: A15 B62 E41
//
// The child's start time is the moment of the fork, not the parent's.
#include "check.h"

int main(void) {
  long long begin = now_ns(CLOCK_MONOTONIC);
  while (now_ns(CLOCK_MONOTONIC) < begin + 30 * 1000000LL) continue;
  pid_t child = must(fork());
  if (child == 0) {
    long own = stat_field(getpid(), 22), parent = stat_field(getppid(), 22);
    ok("parent's start known", parent >= 0);
    ok("child started later", own > parent);
    long long boot_ticks = now_ns(CLOCK_BOOTTIME) / (1000000000LL / sysconf(_SC_CLK_TCK));
    ok("child started about now", own <= boot_ticks + 1 && own >= boot_ticks - 200);
    _exit(check_failures);
  }
  exits("child", child, 0);
  return finish();
}
