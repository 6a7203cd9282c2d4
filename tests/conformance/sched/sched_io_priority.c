// SPDX-License-Identifier: MIT
//
// ioprio_set(2) and ioprio_get(2): what is refused, what is read back, what a child inherits, and the
// most urgent of a process group, in which a task that set none counts by its nice value.
#include "../check.h"

enum { who_process = 1, who_group = 2, who_user = 3 };
enum { realtime = 1 << 13, best_effort = 2 << 13, idle = 3 << 13 };

static long get(int which, int who) { return syscall(SYS_ioprio_get, which, who); }
static long set(int which, int who, int value) {
  return syscall(SYS_ioprio_set, which, who, value);
}

static void in_own_group(void) {
  must(setpgid(0, 0));
  must(set(who_process, 0, 0));
  must(syscall(SYS_setpriority, 0, 0, 0));
  equal("none, nice 0", get(who_group, 0), best_effort | 4);
  must(syscall(SYS_setpriority, 0, 0, 10));
  equal("none, nice 10", get(who_group, 0), best_effort | 6);
  must(set(who_process, 0, idle));
  equal("idle", get(who_group, 0), idle);
  int ends[2];
  must(pipe(ends));
  pid_t child = must(fork());
  if (child == 0) {
    char byte;
    close(ends[1]);
    must(read(ends[0], &byte, 1));
    equal("set through the group", get(who_process, 0), best_effort | 1);
    _exit(check_failures);
  }
  must(set(who_process, child, best_effort | 7));
  equal("the most urgent counts", get(who_group, getpid()), best_effort | 7);
  must(set(who_group, 0, best_effort | 1));
  close(ends[1]);
  exits("member", child, 0);
  _exit(check_failures);
}

static void without_privileges(void) {
  must(setuid(65534));
  fails("realtime", set(who_process, 0, realtime), EPERM);
  equal("idle", set(who_process, 0, idle), 0);
  equal("back", set(who_process, 0, best_effort), 0);
  fails("somebody else's", set(who_process, 1, best_effort), EPERM);
  ok("but it may look", get(who_process, 1) >= 0);
  _exit(check_failures);
}

int main(void) {
  equal("none at first", get(who_process, 0), 0);
  fails("no such kind", get(0, 0), EINVAL);
  fails("nor this", set(4, 0, best_effort), EINVAL);
  fails("no such task", get(who_process, 99999999), ESRCH);
  fails("no such group", set(who_group, 99999999, best_effort), ESRCH);
  fails("no such user", get(who_user, 54321), ESRCH);
  fails("none has no levels", set(who_process, 0, 4), EINVAL);
  fails("no such class", set(who_process, 0, 4 << 13), EINVAL);
  equal("best effort 6 with a hint", set(who_process, 0, best_effort | 1 << 3 | 6), 0);
  equal("read back", get(who_process, 0), best_effort | 1 << 3 | 6);

  pid_t child = must(fork());
  if (child == 0) {
    equal("inherited", get(who_process, 0), best_effort | 1 << 3 | 6);
    _exit(check_failures);
  }
  exits("child", child, 0);
  child = must(fork());
  if (child == 0) in_own_group();
  exits("group", child, 0);
  child = must(fork());
  if (child == 0) without_privileges();
  exits("unprivileged", child, 0);
  return finish();
}
