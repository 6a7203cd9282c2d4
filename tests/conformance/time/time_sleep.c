// SPDX-License-Identifier: MIT
// CONTRACT: C5 issue-2
//
// nanosleep and clock_nanosleep: not too early, absolute times, past times, bad arguments.
#include "check.h"

int main(void) {
  struct timespec little = {0, 20000000}, negative = {-1, 0}, large = {0, 1000000000},
                  none = {0, 0};
  long long before = now_ns(CLOCK_MONOTONIC);
  equal("nanosleep", nanosleep(&little, NULL), 0);
  ok("not early", now_ns(CLOCK_MONOTONIC) - before >= 20000000);
  equal("nothing", nanosleep(&none, NULL), 0);
  fails("negative", nanosleep(&negative, NULL), EINVAL);
  fails("too many nanoseconds", nanosleep(&large, NULL), EINVAL);
  fails("bad pointer", syscall(SYS_nanosleep, 8, NULL), EFAULT);
  before = now_ns(CLOCK_MONOTONIC);
  long long target = before + 15000000;
  struct timespec absolute = {target / 1000000000, target % 1000000000};
  equal("absolute", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &absolute, NULL), 0);
  ok("reached", now_ns(CLOCK_MONOTONIC) >= target);
  equal("absolute in the past", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &absolute, NULL),
        0);
  equal("on the real clock", clock_nanosleep(CLOCK_REALTIME, 0, &little, NULL), 0);
  equal("bad clock", clock_nanosleep(99, 0, &little, NULL), EINVAL);
  equal("own thread's clock", clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &little, NULL), EINVAL);
  return finish();
}
