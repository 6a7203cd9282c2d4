// SPDX-License-Identifier: MIT
// CONTRACT: A14 B30 B61 D1 E19
//
// CPU times, fault counts and the times of waited-for children start from zero in the child.
#include <sys/resource.h>
#include <sys/times.h>

#include "check.h"

static long long cpu_ns(void) { return now_ns(CLOCK_PROCESS_CPUTIME_ID); }

int main(void) {
  volatile char* pages =
      mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (long offset = 0; offset < 4 << 20; offset += 4096) pages[offset] = 1;
  while (cpu_ns() < 60 * 1000000LL) continue;
  struct rusage usage;
  must(getrusage(RUSAGE_SELF, &usage));
  ok("parent used time", usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec +
                                 usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec >
                             20000);
  long parent_faults = usage.ru_minflt;
  ok("parent had faults", parent_faults > 5);
  pid_t child = must(fork());
  if (child == 0) {
    struct tms times_seen;
    must(times(&times_seen));
    ok("times near zero", times_seen.tms_utime + times_seen.tms_stime <= 2);
    equal("children's times zero", times_seen.tms_cutime + times_seen.tms_cstime, 0);
    must(getrusage(RUSAGE_SELF, &usage));
    ok("minflt restarted", usage.ru_minflt < 200);
    must(getrusage(RUSAGE_CHILDREN, &usage));
    equal("no children's faults", usage.ru_minflt, 0);
    ok("process clock restarted", cpu_ns() < 50 * 1000000LL);
    while (cpu_ns() < 30 * 1000000LL) continue;
    _exit(check_failures);
  }
  exits("child", child, 0);
  must(getrusage(RUSAGE_CHILDREN, &usage));
  ok("waited child's time arrives",
     usage.ru_utime.tv_usec + usage.ru_stime.tv_usec +
             (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 >=
         10000);
  return finish();
}
