// SPDX-License-Identifier: MIT
// CONTRACT: G12 issue-2
//
// Clock ids, resolutions, monotony (through the vDSO and through the system call), bad arguments.
#include <sys/time.h>

#include "check.h"

int main(void) {
  clockid_t clocks[] = {CLOCK_REALTIME,          CLOCK_MONOTONIC,     CLOCK_PROCESS_CPUTIME_ID,
                        CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
                        CLOCK_MONOTONIC_COARSE,  CLOCK_BOOTTIME};
  for (size_t index = 0; index < sizeof clocks / sizeof *clocks; index++) {
    long long last = now_ns(clocks[index]);
    int backwards = 0;
    for (int turn = 0; turn < 2000; turn++) {
      struct timespec time;
      if (turn % 2 == 0) {
        must(clock_gettime(clocks[index], &time));
      } else {
        must(syscall(SYS_clock_gettime, clocks[index], &time));
      }
      long long now = time.tv_sec * 1000000000LL + time.tv_nsec;
      backwards += now < last;
      last = now;
    }
    say("clock %d", (int)clocks[index]);
    equal("never goes back", backwards, 0);
    struct timespec resolution;
    equal("has a resolution", clock_getres(clocks[index], &resolution), 0);
    ok("which is sane",
       resolution.tv_sec == 0 && resolution.tv_nsec > 0 && resolution.tv_nsec <= 10000000);
  }
  struct timespec value;
  fails("bad clock", clock_gettime(99, &value), EINVAL);
  fails("bad clock, getres", clock_getres(99, &value), EINVAL);
  fails("bad pointer", syscall(SYS_clock_gettime, CLOCK_MONOTONIC, 8), EFAULT);
  equal("getres without a result", clock_getres(CLOCK_MONOTONIC, NULL), 0);
  struct timeval day;
  must(gettimeofday(&day, NULL));
  long difference = day.tv_sec - time(NULL);
  ok("gettimeofday and time agree", difference >= -1 && difference <= 1);
  fails("clock of nobody's process", clock_gettime((clockid_t)(~0x3fffffu << 3 | 2), &value),
        EINVAL);
  clockid_t own;
  equal("clock of the own process", clock_getcpuclockid(0, &own), 0);
  equal("can be read", clock_gettime(own, &value), 0);
  return finish();
}
