// SPDX-License-Identifier: MIT
// CONTRACT: G8
//
// A blocked wait is ended by a handler with EINTR, or goes on with SA_RESTART.
#include "check.h"

static volatile sig_atomic_t hits;
static void on_signal(int number) { (void)number, hits++; }

static pid_t poker(pid_t target) {
  pid_t child = must(fork());
  if (child == 0) {
    wait_state(target, 'S');
    must(kill(target, SIGUSR1));
    _exit(0);
  }
  return child;
}

int main(void) {
  struct gate hold = gate_make();
  pid_t sleeper = must(fork());
  if (sleeper == 0) {
    gate_wait(hold);
    _exit(3);
  }
  handle(SIGUSR1, on_signal, 0);
  pid_t helper = poker(getpid());
  fails("EINTR", waitpid(sleeper, NULL, 0), EINTR);
  equal("handler ran", hits, 1);
  exits("helper", helper, 0);
  handle(SIGUSR1, on_signal, SA_RESTART);
  helper = must(fork());
  if (helper == 0) {
    pid_t parent = getppid();
    wait_state(parent, 'S');
    must(kill(parent, SIGUSR1));
    gate_open(hold);
    _exit(0);
  }
  exits("SA_RESTART goes on", sleeper, 3);
  equal("handler ran again", hits, 2);
  exits("helper", helper, 0);
  return finish();
}
