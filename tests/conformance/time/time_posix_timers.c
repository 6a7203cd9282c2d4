// SPDX-License-Identifier: MIT
// CONTRACT: E21 issue-2
//
// timer_create: signal with its value, overrun, SIGEV_NONE, absolute start, delete, bad arguments.
#include "check.h"

static volatile sig_atomic_t hits, value, code;
static void on_signal(int number, siginfo_t* info, void* context) {
  (void)number, (void)context;
  value = info->si_value.sival_int;
  code = info->si_code;
  hits++;
}

int main(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO;
  must(sigaction(SIGRTMIN, &action, NULL));
  struct sigevent event;
  memset(&event, 0, sizeof event);
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGRTMIN;
  event.sigev_value.sival_int = 77;
  timer_t timer, quiet;
  must(timer_create(CLOCK_MONOTONIC, &event, &timer));
  struct itimerspec once = {{0, 0}, {0, 3000000}}, current, fast = {{0, 1000000}, {0, 1000000}};
  must(timer_settime(timer, 0, &once, NULL));
  while (hits == 0) sched_yield();
  ok("signal with its value", value == 77 && code == SI_TIMER);
  must(timer_gettime(timer, &current));
  ok("disarmed", current.it_value.tv_nsec == 0 && current.it_value.tv_sec == 0);
  block(SIGRTMIN);
  must(timer_settime(timer, 0, &fast, NULL));
  long long start = now_ns(CLOCK_MONOTONIC);
  while (now_ns(CLOCK_MONOTONIC) < start + 10000000) continue;
  hits = 0;
  struct itimerspec off = {{0, 0}, {0, 0}};
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN);
  siginfo_t info;
  struct timespec none = {0, 0};
  equal("one signal for many expiries", sigtimedwait(&set, &info, &none), SIGRTMIN);
  ok("overrun counted", timer_getoverrun(timer) >= 5);
  must(timer_settime(timer, 0, &off, NULL));
  unblock(SIGRTMIN);
  event.sigev_notify = SIGEV_NONE;
  must(timer_create(CLOCK_REALTIME, &event, &quiet));
  ok("two timers differ", quiet != timer);
  struct itimerspec past = {{0, 0}, {1, 0}};
  must(timer_settime(quiet, TIMER_ABSTIME, &past, NULL));
  must(timer_gettime(quiet, &current));
  ok("absolute past has expired", current.it_value.tv_sec == 0);
  must(timer_delete(quiet));
  fails("deleted", timer_gettime(quiet, &current), EINVAL);
  fails("bad clock", timer_create(99, &event, &quiet), EINVAL);
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = 99;
  fails("bad signal", timer_create(CLOCK_MONOTONIC, &event, &quiet), EINVAL);
  once.it_value.tv_nsec = 1000000000;
  fails("bad time", timer_settime(timer, 0, &once, NULL), EINVAL);
  return finish();
}
