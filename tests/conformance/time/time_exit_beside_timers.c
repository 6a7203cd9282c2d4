// SPDX-License-Identifier: MIT
// CONTRACT: D1 issue-3
//
// Processes end while their interval timers fire: nothing that a timer needs goes before the timer.
#include <sys/time.h>

#include "check.h"

static void child(int number) {
  struct itimerval often = {{0, 50}, {0, 50}};
  signal(SIGALRM, SIG_IGN);
  signal(SIGPROF, SIG_IGN);
  must(setitimer(ITIMER_REAL, &often, NULL));
  if (number % 2 == 0) must(setitimer(ITIMER_PROF, &often, NULL));
  for (volatile int i = 0; i < number * 97; ++i) {
  }
  _exit(7);
}

int main(void) {
  int ended = 0;
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < 8; ++i) {
      if (must(fork()) == 0) child(round * 8 + i);
    }
    for (int i = 0; i < 8; ++i) {
      int status = 0;
      must(wait(&status));
      ended += WIFEXITED(status) && WEXITSTATUS(status) == 7;
    }
  }
  equal("all have ended by themselves", ended, 320);
  return finish();
}
