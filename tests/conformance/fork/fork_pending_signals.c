// SPDX-License-Identifier: MIT
// CONTRACT: A11 B58 C22 A7
//
// Pending signals are not inherited; the mask and the handlers are.
#include "check.h"

static volatile sig_atomic_t hits;
static void on_signal(int number) { hits += number == SIGUSR1; }

int main(void) {
  handle(SIGUSR1, on_signal, 0);
  block(SIGUSR1);
  must(raise(SIGUSR1));
  must(kill(getpid(), SIGUSR1));
  equal("pending in parent", is_pending(SIGUSR1), 1);
  pid_t child = must(fork());
  if (child == 0) {
    equal("not pending in child", is_pending(SIGUSR1), 0);
    sigset_t mask;
    must(sigprocmask(SIG_SETMASK, NULL, &mask));
    equal("still blocked in child", sigismember(&mask, SIGUSR1), 1);
    unblock(SIGUSR1);
    equal("nothing delivered", hits, 0);
    must(raise(SIGUSR1));
    equal("handler inherited", hits, 1);
    _exit(check_failures);
  }
  exits("child", child, 0);
  unblock(SIGUSR1);
  ok("parent got its own", hits >= 1);
  return finish();
}
