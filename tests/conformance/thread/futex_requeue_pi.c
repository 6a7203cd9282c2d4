// SPDX-License-Identifier: MIT
//
// FUTEX_WAIT_REQUEUE_PI and FUTEX_CMP_REQUEUE_PI: waiters of a plain word are moved to a
// priority-inheriting one, the first of them getting it; argument checks, timeouts, and that plain
// operations refuse such waiters. Also which operations take the realtime clock.
#include "../check.h"

#include <pthread.h>

enum {
  WAIT = 0, WAKE = 1, REQUEUE = 3, LOCK_PI = 6, UNLOCK_PI = 7, WAIT_BITSET = 9,
  WAIT_REQUEUE_PI = 11, CMP_REQUEUE_PI = 12, LOCK_PI2 = 13, PRIVATE = 128, REALTIME = 256,
};
#define TID_MASK 0x3fffffffu

static uint32_t condition, lock, other;
static struct timespec past;
static volatile int got, failed_with;

static long futex(uint32_t* word, int operation, uint32_t value, const void* timeout,
                  uint32_t* word2, uint32_t value3) {
  return syscall(SYS_futex, word, operation | PRIVATE, value, timeout, word2, value3);
}
static long requeue(int wake, int move, uint32_t expected) {
  return futex(&condition, CMP_REQUEUE_PI, wake, (void*)(intptr_t)move, &lock, expected);
}
static uint32_t tid(void) { return (uint32_t)syscall(SYS_gettid); }
static uint32_t owner(void) { return __atomic_load_n(&lock, __ATOMIC_SEQ_CST) & TID_MASK; }

static void* waiter(void* unused) {
  (void)unused;
  long result = futex(&condition, WAIT_REQUEUE_PI, 0, NULL, &lock, 0);
  if (result != 0) {
    failed_with = errno;
    return NULL;
  }
  if (owner() != tid()) ++check_failures;  // it comes back with the lock
  __atomic_add_fetch(&got, 1, __ATOMIC_SEQ_CST);
  if (futex(&lock, UNLOCK_PI, 0, NULL, NULL, 0) != 0) ++check_failures;
  return NULL;
}

// Asks with a wake-up of nobody: refused as soon as such a waiter is there.
static void wait_for_waiter(void) {
  while (futex(&condition, REQUEUE, 0, (void*)1, &other, 0) == 0) sched_yield();
}

static void check_arguments(void) {
  fails("wait: differs", futex(&condition, WAIT_REQUEUE_PI, 1, NULL, &lock, 0), EAGAIN);
  fails("wait: onto itself", futex(&condition, WAIT_REQUEUE_PI, 0, NULL, &condition, 0), EINVAL);
  fails("wait: time is up", futex(&condition, WAIT_REQUEUE_PI, 0, &past, &lock, 0), ETIMEDOUT);
  fails("wait: realtime", futex(&condition, WAIT_REQUEUE_PI | REALTIME, 0, &past, &lock, 0), ETIMEDOUT);
  fails("requeue: differs", requeue(1, 0, 1), EAGAIN);
  fails("requeue: wakes two", requeue(2, 0, 0), EINVAL);
  fails("requeue: wakes none", requeue(0, 0, 0), EINVAL);
  fails("requeue: negative", requeue(1, -1, 0), EINVAL);
  fails("requeue: onto itself",
        futex(&condition, CMP_REQUEUE_PI, 1, (void*)1, &condition, 0), EINVAL);
  equal("requeue: nobody waits", requeue(1, 1, 0), 0);
}

static void check_clocks(void) {
  fails("WAIT takes no clock", futex(&condition, WAIT | REALTIME, 0, &past, NULL, 0), ENOSYS);
  fails("WAIT_BITSET does", futex(&condition, WAIT_BITSET | REALTIME, 0, &past, NULL, 1), ETIMEDOUT);
  fails("WAIT_BITSET without bits", futex(&condition, WAIT_BITSET, 0, &past, NULL, 0), EINVAL);
  fails("LOCK_PI does not", futex(&condition, LOCK_PI | REALTIME, 0, &past, NULL, 0), ENOSYS);
  equal("LOCK_PI2 does", futex(&lock, LOCK_PI2 | REALTIME, 0, &past, NULL, 0), 0);
  fails("LOCK_PI2 twice", futex(&lock, LOCK_PI2, 0, &past, NULL, 0), EDEADLK);
  equal("unlock", futex(&lock, UNLOCK_PI, 0, NULL, NULL, 0), 0);
  fails("no such operation", futex(&lock, 14, 0, NULL, NULL, 0), ENOSYS);
}

int main(void) {
  check_arguments();
  check_clocks();

  pthread_t thread[3];
  must(pthread_create(&thread[0], NULL, waiter, NULL));
  wait_for_waiter();
  fails("plain wake", futex(&condition, WAKE, 1, NULL, NULL, 0), EINVAL);
  fails("plain requeue", futex(&condition, REQUEUE, 0, (void*)1, &other, 0), EINVAL);
  fails("onto another", futex(&condition, CMP_REQUEUE_PI, 1, (void*)1, &other, 0), EINVAL);
  equal("a free lock is given away", requeue(1, 0, 0), 1);
  pthread_join(thread[0], NULL);
  equal("it had the lock", got, 1);
  equal("nobody owns it now", lock, 0);

  got = 0;
  equal("lock", futex(&lock, LOCK_PI, 0, NULL, NULL, 0), 0);
  for (int i = 0; i < 3; ++i) must(pthread_create(&thread[i], NULL, waiter, NULL));
  int moved = 0;
  while (moved < 3) {
    long now = requeue(1, 5, 0);
    if (now < 0) ++check_failures;
    moved += (int)now;
    sched_yield();
  }
  equal("all were moved", moved, 3);
  equal("none has it yet", got, 0);
  ok("we own it, and it is waited for", lock == (tid() | 0x80000000u));
  equal("unlock", futex(&lock, UNLOCK_PI, 0, NULL, NULL, 0), 0);
  for (int i = 0; i < 3; ++i) pthread_join(thread[i], NULL);
  equal("each had it in turn", got, 3);
  equal("free", lock, 0);
  equal("none failed", failed_with, 0);
  return finish();
}
