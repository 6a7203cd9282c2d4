// SPDX-License-Identifier: MIT
// CONTRACT: E65 E66 E68
//
// Scheduling policies through sched_setscheduler(2) and its family: what is refused, what is read
// back, and what a child inherits.
#include "../check.h"

enum { reset_on_fork = 0x40000000 };

static void set(const char* label, int policy, int priority, int error) {
  struct sched_param parameter = {.sched_priority = priority};
  long result = syscall(SYS_sched_setscheduler, 0, policy, &parameter);
  if (error != 0) fails_with(label, result, errno, error);
  else equal(label, result, 0);
}

static void in_child(const char* label, int policy, int priority, int nice_value) {
  pid_t child = must(fork());
  if (child == 0) {
    struct sched_param parameter;
    must(syscall(SYS_sched_getparam, 0, &parameter));
    equal("policy", syscall(SYS_sched_getscheduler, 0), policy);
    equal("priority", parameter.sched_priority, priority);
    equal("20 - nice", syscall(SYS_getpriority, 0, 0), 20 - nice_value);
    _exit(check_failures);
  }
  exits(label, child, 0);
}

int main(void) {
  equal("max of fifo", sched_get_priority_max(SCHED_FIFO), 99);
  equal("min of rr", sched_get_priority_min(SCHED_RR), 1);
  equal("max of batch", sched_get_priority_max(SCHED_BATCH), 0);
  equal("max of deadline", syscall(SYS_sched_get_priority_max, 6), 0);
  fails("max of nothing", syscall(SYS_sched_get_priority_max, 77), EINVAL);
  set("fifo without priority", SCHED_FIFO, 0, EINVAL);
  set("fifo beyond the top", SCHED_FIFO, 100, EINVAL);
  set("normal with priority", SCHED_OTHER, 1, EINVAL);
  set("no such policy", 77, 0, EINVAL);
  set("deadline needs its own call", 6, 0, EINVAL);
  fails("no parameters", syscall(SYS_sched_setparam, 0, NULL), EINVAL);
  fails("no such task", syscall(SYS_sched_getscheduler, 99999999), ESRCH);
  fails("negative", syscall(SYS_sched_getscheduler, -1), EINVAL);

  set("fifo 7", SCHED_FIFO, 7, 0);
  in_child("fifo is inherited", SCHED_FIFO, 7, 0);
  struct timespec interval = {9, 9};
  must(syscall(SYS_sched_rr_get_interval, 0, &interval));
  ok("fifo has no slice", interval.tv_sec == 0 && interval.tv_nsec == 0);
  set("rr 8 and reset", SCHED_RR | reset_on_fork, 8, 0);
  equal("flag read back", syscall(SYS_sched_getscheduler, 0), SCHED_RR | reset_on_fork);
  must(syscall(SYS_sched_rr_get_interval, 0, &interval));
  ok("rr has one", interval.tv_sec == 0 && interval.tv_nsec > 0);
  in_child("reset for the child", SCHED_OTHER, 0, 0);
  set("batch", SCHED_BATCH, 0, 0);
  in_child("batch is inherited", SCHED_BATCH, 0, 0);
  set("idle", SCHED_IDLE, 0, 0);
  in_child("idle is inherited", SCHED_IDLE, 0, 0);
  set("back to normal", SCHED_OTHER, 0, 0);
  must(syscall(SYS_setpriority, 0, 0, 5));
  in_child("nice is inherited", SCHED_OTHER, 0, 5);
  set("normal and reset", SCHED_OTHER | reset_on_fork, 0, 0);
  in_child("positive nice is kept", SCHED_OTHER, 0, 5);
  must(syscall(SYS_setpriority, 0, 0, -5));
  in_child("negative nice is reset", SCHED_OTHER, 0, 0);
  return finish();
}
