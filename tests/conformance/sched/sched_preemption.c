// SPDX-License-Identifier: MIT
// CONTRACT: E93
//
// Who is woken on the waker's CPU and has a higher class runs before the waker goes on; who has a
// lower one does not.
#include "../check.h"

static volatile int* step;

static void become(int policy, int priority) {
  struct sched_param parameter = {.sched_priority = priority};
  must(syscall(SYS_sched_setscheduler, 0, policy, &parameter));
}

// Wakes a child that sleeps in a read; whether it ran before the write had returned.
static int ran_first(int policy, int priority) {
  struct gate gate = gate_make();
  *step = 0;
  pid_t child = must(fork());
  if (child == 0) {
    become(policy, priority);
    *step = 1;
    gate_wait(gate);
    *step = 2;
    _exit(0);
  }
  while (*step != 1) sched_yield();
  wait_state(child, 'S');
  gate_open(gate);
  int seen = *step;
  must(waitpid(child, NULL, 0));
  return seen == 2;
}

int main(void) {
  step = shared_memory(4096);
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  must(sched_setaffinity(0, sizeof one, &one));
  ok("fifo takes over from normal", ran_first(SCHED_FIFO, 5));
  become(SCHED_FIFO, 1);
  ok("a higher priority takes over", ran_first(SCHED_FIFO, 5));
  ok("rr of a higher priority too", ran_first(SCHED_RR, 5));
  become(SCHED_FIFO, 9);
  return finish();
}
