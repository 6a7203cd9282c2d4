// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// sigtimedwait takes pending signals without handlers, times out with EAGAIN, sigwait wakes.
#include "check.h"

int main(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGRTMIN + 2);
  must(sigprocmask(SIG_BLOCK, &set, NULL));
  siginfo_t info;
  struct timespec none = {0, 0}, little = {0, 10000000}, bad = {0, -1};
  fails("nothing pending", sigtimedwait(&set, &info, &none), EAGAIN);
  long long before = now_ns(CLOCK_MONOTONIC);
  fails("times out", sigtimedwait(&set, &info, &little), EAGAIN);
  ok("not too early", now_ns(CLOCK_MONOTONIC) - before >= 10000000);
  fails("bad time", sigtimedwait(&set, &info, &bad), EINVAL);
  must(sigqueue(getpid(), SIGRTMIN + 2, (union sigval){.sival_int = 55}));
  raise(SIGUSR1);
  equal("lowest first", sigtimedwait(&set, &info, &none), SIGUSR1);
  equal("then the other", sigtimedwait(&set, &info, &none), SIGRTMIN + 2);
  equal("with its value", info.si_value.sival_int, 55);
  pid_t child = must(fork());
  if (child == 0) {
    wait_state(getppid(), 'S');
    must(kill(getppid(), SIGUSR1));
    _exit(0);
  }
  equal("wakes up", sigwaitinfo(&set, &info), SIGUSR1);
  equal("sender", info.si_pid, child);
  exits("child", child, 0);
  return finish();
}
