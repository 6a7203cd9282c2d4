// SPDX-License-Identifier: MIT
// CONTRACT: A12 B59 E21
//
// alarm, the three interval timers and POSIX timers are not inherited; the parent's stay armed.
#include <sys/time.h>

#include "check.h"

static int armed(int which) {
  struct itimerval value;
  must(getitimer(which, &value));
  return value.it_value.tv_sec != 0 || value.it_value.tv_usec != 0;
}

int main(void) {
  struct itimerval value = {{100, 0}, {100, 0}};
  must(setitimer(ITIMER_REAL, &value, NULL));
  must(setitimer(ITIMER_VIRTUAL, &value, NULL));
  must(setitimer(ITIMER_PROF, &value, NULL));
  struct sigevent event;
  memset(&event, 0, sizeof event);
  event.sigev_notify = SIGEV_NONE;
  timer_t timer;
  must(timer_create(CLOCK_MONOTONIC, &event, &timer));
  pid_t child = must(fork());
  if (child == 0) {
    equal("ITIMER_REAL clear", armed(ITIMER_REAL), 0);
    equal("ITIMER_VIRTUAL clear", armed(ITIMER_VIRTUAL), 0);
    equal("ITIMER_PROF clear", armed(ITIMER_PROF), 0);
    equal("alarm(0) is 0", alarm(0), 0);
    struct itimerspec left;
    fails("posix timer gone", timer_gettime(timer, &left), EINVAL);
    _exit(check_failures);
  }
  exits("child", child, 0);
  equal("parent's ITIMER_REAL armed", armed(ITIMER_REAL), 1);
  equal("parent's ITIMER_VIRTUAL armed", armed(ITIMER_VIRTUAL), 1);
  equal("parent's ITIMER_PROF armed", armed(ITIMER_PROF), 1);
  ok("parent's alarm armed", alarm(0) >= 99);
  return finish();
}
