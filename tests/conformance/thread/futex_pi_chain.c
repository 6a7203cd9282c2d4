// SPDX-License-Identifier: MIT
// CONTRACT: E65
//
// Priority inheritance along a chain of owners: who waits for a lock whose owner waits itself lends
// its priority to all of them; a ring is refused with EDEADLK; a timeout takes the priority back; a
// child is not born with what its parent was lent.
#include "priority.h"

#include <pthread.h>

enum { LOCK_PI = 6, UNLOCK_PI = 7, LOCK_PI2 = 13, PRIVATE = 128 };
#define WAITERS 0x80000000u

static uint32_t first, second;
static volatile uint32_t middle_tid;
static long lock(uint32_t* word) {
  return syscall(SYS_futex, word, LOCK_PI | PRIVATE, 0, NULL, NULL, 0);
}
static long unlock(uint32_t* word) {
  return syscall(SYS_futex, word, UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0);
}
static int is_waited_for(uint32_t* word) {
  return (__atomic_load_n(word, __ATOMIC_SEQ_CST) & WAITERS) != 0;
}

static void wait_priority(uint32_t tid, long wanted) {
  while (priority_of(tid) != wanted) sched_yield();
}

// Owns the second lock and waits for the first.
static void* middle(void* unused) {
  (void)unused;
  must(lock(&second));
  middle_tid = (uint32_t)syscall(SYS_gettid);
  must(lock(&first));
  must(unlock(&first));
  must(unlock(&second));
  return NULL;
}

static void* urgent(void* deadline) {
  struct sched_param parameter = {.sched_priority = 40};
  must(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &parameter));
  if (deadline != NULL) {
    fails("gives up", syscall(SYS_futex, &second, LOCK_PI2 | PRIVATE, 0, deadline, NULL, 0), ETIMEDOUT);
    return NULL;
  }
  must(lock(&second));
  must(unlock(&second));
  return NULL;
}

int main(void) {
  const uint32_t self = (uint32_t)syscall(SYS_gettid);
  const long own = priority_of(self);
  pthread_t threads[2];
  must(lock(&first));
  must(pthread_create(&threads[0], NULL, middle, NULL));
  while (middle_tid == 0 || !is_waited_for(&first)) sched_yield();

  struct timespec soon;
  clock_gettime(CLOCK_MONOTONIC, &soon);
  soon.tv_nsec += 300000000;
  if (soon.tv_nsec >= 1000000000) {
    soon.tv_nsec -= 1000000000;
    ++soon.tv_sec;
  }
  must(pthread_create(&threads[1], NULL, urgent, &soon));
  wait_priority(self, -41);
  pthread_join(threads[1], NULL);
  equal("a timeout takes it back", priority_of(self), own);
  equal("all along the chain", priority_of(middle_tid), own);

  must(pthread_create(&threads[1], NULL, urgent, NULL));
  wait_priority(self, -41);
  equal("the middle one has it too", priority_of(middle_tid), -41);
  equal("the policy is one's own", syscall(SYS_sched_getscheduler, 0), SCHED_OTHER);
  fails("a ring is refused", lock(&second), EDEADLK);
  pid_t child = must(fork());
  if (child == 0) {
    equal("a child is not born with it", stat_field(getpid(), 18), own);
    _exit(check_failures);
  }
  exits("child", child, 0);
  must(unlock(&first));
  for (int i = 0; i < 2; ++i) pthread_join(threads[i], NULL);
  equal("back to one's own", priority_of(self), own);
  equal("first is free", first, 0);
  equal("second is free", second, 0);
  return finish();
}
