// SPDX-License-Identifier: MIT
// CONTRACT: C5
//
// A fork inside the handler that interrupted a nanosleep: the sleep ends with EINTR and the rest
// in the parent and, with its own copy, in the child.
#include <sys/time.h>

#include "check.h"

static volatile pid_t child = -1;
static void on_alarm(int number) {
  (void)number;
  child = fork();
}

int main(void) {
  handle(SIGALRM, on_alarm, SA_RESTART);
  struct itimerval value = {{0, 0}, {0, 20000}};
  must(setitimer(ITIMER_REAL, &value, NULL));
  struct timespec wanted = {100, 0}, rest = {0, 0};
  int result = nanosleep(&wanted, &rest);
  int seen = errno;
  if (child == 0) {
    ok("child: interrupted", result == -1 && seen == EINTR);
    ok("child: rest", rest.tv_sec >= 98 && rest.tv_sec < 100);
    _exit(check_failures);
  }
  exits("child", child, 0);
  ok("parent: interrupted", result == -1 && seen == EINTR);
  ok("parent: rest", rest.tv_sec >= 98 && rest.tv_sec < 100);
  return finish();
}
