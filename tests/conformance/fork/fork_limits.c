// SPDX-License-Identifier: MIT
// CONTRACT: A7 E31
//
// Resource limits and the nice value are inherited and then private.
#include <sys/resource.h>

#include "check.h"

int main(void) {
  struct rlimit limit = {100, 200}, seen;
  must(setrlimit(RLIMIT_NOFILE, &limit));
  must(setpriority(PRIO_PROCESS, 0, 5));
  pid_t child = must(fork());
  if (child == 0) {
    must(getrlimit(RLIMIT_NOFILE, &seen));
    ok("limit inherited", seen.rlim_cur == 100 && seen.rlim_max == 200);
    equal("nice inherited", getpriority(PRIO_PROCESS, 0), 5);
    limit.rlim_cur = 50;
    must(setrlimit(RLIMIT_NOFILE, &limit));
    must(setpriority(PRIO_PROCESS, 0, 9));
    _exit(check_failures);
  }
  exits("child", child, 0);
  must(getrlimit(RLIMIT_NOFILE, &seen));
  equal("parent's limit unchanged", (long)seen.rlim_cur, 100);
  equal("parent's nice unchanged", getpriority(PRIO_PROCESS, 0), 5);
  limit.rlim_cur = 300;
  fails("soft above hard", setrlimit(RLIMIT_NOFILE, &limit), EINVAL);
  return finish();
}
