// SPDX-License-Identifier: MIT
// CONTRACT: C8
//
// RLIMIT_SIGPENDING counts queued signals per user, over processes: sigqueue fails with EAGAIN,
// kill of a standard signal still arrives.
#include <sys/resource.h>

#include "check.h"

int main(void) {
  pid_t user = must(fork());
  if (user == 0) {
    struct rlimit limit = {4, 4};
    must(setrlimit(RLIMIT_SIGPENDING, &limit));
    must(setgid(54323));
    must(setuid(54323));
    block(SIGRTMIN);
    block(SIGUSR1);
    for (int turn = 0; turn < 4; turn++) {
      equal("queued", sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = turn}), 0);
    }
    fails("a fifth", sigqueue(getpid(), SIGRTMIN, (union sigval){0}), EAGAIN);
    pid_t child = must(fork());
    if (child == 0) {
      fails("the other process shares the limit", sigqueue(getpid(), SIGRTMIN, (union sigval){0}),
            EAGAIN);
      equal("kill still works", kill(getpid(), SIGUSR1), 0);
      equal("and is pending", is_pending(SIGUSR1), 1);
      _exit(check_failures);
    }
    exits("child", child, 0);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    siginfo_t info;
    must(sigwaitinfo(&set, &info));
    equal("room for one again", sigqueue(getpid(), SIGRTMIN, (union sigval){0}), 0);
    _exit(check_failures);
  }
  exits("user", user, 0);
  return finish();
}
