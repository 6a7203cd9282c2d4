// SPDX-License-Identifier: MIT
// CONTRACT: B59 A12 issue-2
//
// setitimer: one-shot and periodic, each with its signal; getitimer counts down; alarm shares
// ITIMER_REAL.
#include <sys/time.h>

#include "check.h"

static volatile sig_atomic_t alarms, virtuals, profs;
static void on_signal(int number) {
  alarms += number == SIGALRM;
  virtuals += number == SIGVTALRM;
  profs += number == SIGPROF;
}

int main(void) {
  handle(SIGALRM, on_signal, 0);
  handle(SIGVTALRM, on_signal, 0);
  handle(SIGPROF, on_signal, 0);
  struct itimerval once = {{0, 0}, {0, 5000}}, periodic = {{0, 3000}, {0, 3000}},
                   off = {{0, 0}, {0, 0}}, old;
  must(setitimer(ITIMER_REAL, &once, NULL));
  while (alarms == 0) pause();
  equal("one shot", alarms, 1);
  must(getitimer(ITIMER_REAL, &old));
  ok("disarmed", old.it_value.tv_sec == 0 && old.it_value.tv_usec == 0);
  must(setitimer(ITIMER_REAL, &periodic, NULL));
  while (alarms < 5) sched_yield();
  must(setitimer(ITIMER_REAL, &off, &old));
  equal("interval reported", old.it_interval.tv_usec, 3000);
  must(setitimer(ITIMER_VIRTUAL, &once, NULL));
  while (virtuals == 0) continue;
  must(setitimer(ITIMER_PROF, &once, NULL));
  while (profs == 0) continue;
  ok("virtual and prof", virtuals == 1 && profs == 1);
  equal("alarm returns what was left", alarm(50), 0);
  must(getitimer(ITIMER_REAL, &old));
  ok("alarm is the real timer", old.it_value.tv_sec >= 49 && old.it_value.tv_sec <= 50);
  ok("alarm again", alarm(0) == 50);
  once.it_value.tv_usec = 1000000;
  fails("too many microseconds", setitimer(ITIMER_REAL, &once, NULL), EINVAL);
  fails("bad timer", setitimer(7, &off, NULL), EINVAL);
  fails("bad timer, get", getitimer(7, &old), EINVAL);
  return finish();
}
