// SPDX-License-Identifier: MIT
// CONTRACT: C6 C7 B49 B50 X-C4
//
// RLIMIT_NPROC: with N processes of a user, a limit of N refuses the next with EAGAIN and N+1
// allows exactly one; a refused fork leaves nothing charged; root is exempt.
#include <sys/resource.h>

#include "check.h"

static void limit_to(rlim_t count) {
  struct rlimit limit = {count, 100};
  must(setrlimit(RLIMIT_NPROC, &limit));
}

int main(void) {
  limit_to(1);
  pid_t child = must(fork());
  if (child == 0) _exit(0);
  exits("root is exempt", child, 0);
  pid_t user = must(fork());
  if (user == 0) {
    must(setgid(54321));
    must(setuid(54321));  // this process is the only one of its user
    fails("limit 1 with 1 process", fork(), EAGAIN);
    for (int turn = 0; turn < 1000; turn++) {
      if (fork() != -1) _exit(77);
    }
    fails("clone too", raw_clone(SIGCHLD, NULL, NULL), EAGAIN);
    limit_to(3);
    struct gate hold = gate_make();
    pid_t children[2];
    for (int index = 0; index < 2; index++) {
      children[index] = must(fork());
      if (children[index] == 0) {
        gate_wait(hold);
        _exit(0);
      }
    }
    fails("third refused", fork(), EAGAIN);
    gate_open(hold);
    gate_open(hold);
    exits("first", children[0], 0);
    fails("zombies count no more than once", waitpid(children[0], NULL, 0), ECHILD);
    exits("second", children[1], 0);
    child = fork();
    if (child == 0) _exit(0);
    ok("room again after reaping", child > 0);
    exits("child", child, 0);
    _exit(check_failures);
  }
  exits("user", user, 0);
  return finish();
}
