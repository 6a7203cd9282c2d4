// SPDX-License-Identifier: MIT
// CONTRACT: E59
//
// The CPU affinity is inherited and then changed independently.
#include "check.h"

int main(void) {
  cpu_set_t all, one, seen;
  CPU_ZERO(&all);
  must(sched_getaffinity(0, sizeof all, &all));
  ok("at least one CPU", CPU_COUNT(&all) >= 1);
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  must(sched_setaffinity(0, sizeof one, &one));
  pid_t child = must(fork());
  if (child == 0) {
    must(sched_getaffinity(0, sizeof seen, &seen));
    ok("inherited", CPU_COUNT(&seen) == 1 && CPU_ISSET(0, &seen));
    unsigned cpu = 99, node = 99;
    must(syscall(SYS_getcpu, &cpu, &node, NULL));
    equal("runs there", cpu, 0);
    must(sched_setaffinity(0, sizeof all, &all));
    _exit(check_failures);
  }
  exits("child", child, 0);
  CPU_ZERO(&seen);
  must(sched_getaffinity(0, sizeof seen, &seen));
  equal("parent's unchanged", CPU_COUNT(&seen), 1);
  CPU_ZERO(&seen);
  fails("empty set", sched_setaffinity(0, sizeof seen, &seen), EINVAL);
  fails("no such process", sched_getaffinity(0x3ffffff, sizeof seen, &seen), ESRCH);
  return finish();
}
