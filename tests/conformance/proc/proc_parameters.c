// SPDX-License-Identifier: MIT
// CONTRACT: C7 B7
//
// Limits that /proc shows: a process's own limits file and oom_score_adj, another's by prlimit.
#include <sys/resource.h>

#include "check.h"

static char text[8192];

int main(void) {
  struct rlimit limit = {123, 456}, old;
  must(setrlimit(RLIMIT_NOFILE, &limit));
  must(slurp("/proc/self/limits", text, sizeof text));
  const char* line = strstr(text, "Max open files");
  long soft = -1, hard = -1;
  if (line != NULL) sscanf(line + 14, "%ld %ld", &soft, &hard);
  ok("limits file", soft == 123 && hard == 456);
  pid_t child = must(fork());
  if (child == 0) {
    for (;;) pause();
  }
  limit.rlim_cur = 99;
  equal("prlimit of another", syscall(SYS_prlimit64, child, RLIMIT_NOFILE, &limit, &old), 0);
  ok("its old one", old.rlim_cur == 123 && old.rlim_max == 456);
  must(getrlimit(RLIMIT_NOFILE, &old));
  equal("ours unchanged", (long)old.rlim_cur, 123);
  must(syscall(SYS_prlimit64, child, RLIMIT_NOFILE, NULL, &old));
  equal("its new one", (long)old.rlim_cur, 99);
  must(kill(child, SIGKILL));
  killed_by("child", child, SIGKILL);
  fails("nobody", syscall(SYS_prlimit64, child, RLIMIT_NOFILE, NULL, &old), ESRCH);
  pid_t user = must(fork());
  if (user == 0) {
    must(setuid(1000));
    limit.rlim_cur = limit.rlim_max = 1000;
    fails("raising the hard limit", setrlimit(RLIMIT_NOFILE, &limit), EPERM);
    fails("another user's process", syscall(SYS_prlimit64, getppid(), RLIMIT_NOFILE, NULL, &old),
          EPERM);
    _exit(check_failures);
  }
  exits("user", user, 0);
  return finish();
}
