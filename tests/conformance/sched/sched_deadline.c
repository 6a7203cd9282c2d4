// SPDX-License-Identifier: MIT
// CONTRACT: E67
//
// SCHED_DEADLINE: parameters that are refused, what is read back, no fork without RESET_ON_FORK,
// sched_yield(2) waits for the next period, and who overruns is throttled.
#include "../check.h"

struct attributes {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime, deadline, period;
};
enum { deadline_policy = 6, reset_on_fork = 1, millisecond = 1000000 };

static long set(uint64_t runtime, uint64_t deadline, uint64_t period, uint64_t flags) {
  struct attributes attributes = {.size = sizeof attributes, .policy = deadline_policy,
                                  .flags = flags, .runtime = runtime, .deadline = deadline,
                                  .period = period};
  return syscall(SYS_sched_setattr, 0, &attributes, 0);
}

int main(void) {
  fails("no runtime", set(0, 10 * millisecond, 10 * millisecond, 0), EINVAL);
  fails("runtime beyond deadline", set(9 * millisecond, 8 * millisecond, 10 * millisecond, 0), EINVAL);
  fails("deadline beyond period", set(millisecond, 9 * millisecond, 8 * millisecond, 0), EINVAL);
  fails("too short", set(1000, 10 * millisecond, 10 * millisecond, 0), EINVAL);
  fails("everything", set(10 * millisecond, 10 * millisecond, 10 * millisecond, 1 << 20), EINVAL);
  must(set(5 * millisecond, 40 * millisecond, 50 * millisecond, 0));
  struct attributes seen;
  must(syscall(SYS_sched_getattr, 0, &seen, sizeof seen, 0));
  equal("policy", seen.policy, deadline_policy);
  equal("runtime", (long)seen.runtime, 5 * millisecond);
  equal("deadline", (long)seen.deadline, 40 * millisecond);
  equal("period", (long)seen.period, 50 * millisecond);
  fails("fork", fork(), EAGAIN);

  long long start = now_ns(CLOCK_MONOTONIC);
  for (int i = 0; i < 3; ++i) must(sched_yield());
  ok("yielding waits for the next period", now_ns(CLOCK_MONOTONIC) - start >= 90 * millisecond);
  // A host that stands still charges whoever runs just then: the least of three windows counts.
  long long least = 500 * millisecond;
  for (int window = 0; window < 3; ++window) {
    start = now_ns(CLOCK_MONOTONIC);
    long long used = now_ns(CLOCK_THREAD_CPUTIME_ID);
    while (now_ns(CLOCK_MONOTONIC) - start < 500 * millisecond) {
    }
    used = now_ns(CLOCK_THREAD_CPUTIME_ID) - used;
    if (used < least) least = used;
  }
  ok("throttled to its share", least < 150 * millisecond);

  must(set(5 * millisecond, 40 * millisecond, 50 * millisecond, reset_on_fork));
  pid_t child = must(fork());
  if (child == 0) {
    equal("the child is an ordinary task", syscall(SYS_sched_getscheduler, 0), SCHED_OTHER);
    _exit(check_failures);
  }
  exits("child", child, 0);
  return finish();
}
