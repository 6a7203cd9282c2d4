// SPDX-License-Identifier: MIT
//
// Priority-inheriting futexes: locking, handing over, deadlock, trylock, a timeout, an owner that
// dies, and that the owner runs with its waiter's priority.
#include "priority.h"

#include <pthread.h>

enum { FUTEX_LOCK_PI = 6, FUTEX_UNLOCK_PI = 7, FUTEX_TRYLOCK_PI = 8, FUTEX_PRIVATE_FLAG = 128 };
#define FUTEX_WAITERS 0x80000000u
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_TID_MASK 0x3fffffffu

static uint32_t word;
static volatile int step;

static long futex(int operation, const struct timespec* timeout) {
  return syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, 0, timeout, NULL, 0);
}
static uint32_t my_tid(void) { return (uint32_t)syscall(SYS_gettid); }
static uint32_t value(void) { return __atomic_load_n(&word, __ATOMIC_SEQ_CST); }

static void* lock_and_hold(void* unused) {
  (void)unused;
  equal("waiter gets it", futex(FUTEX_LOCK_PI, NULL), 0);
  ok("the word names the new owner", (value() & FUTEX_TID_MASK) == my_tid());
  step = 2;
  equal("waiter gives it back", futex(FUTEX_UNLOCK_PI, NULL), 0);
  return NULL;
}

static void* hold_and_die(void* unused) {
  (void)unused;
  must(futex(FUTEX_LOCK_PI, NULL));
  step = 1;
  while (!(value() & FUTEX_WAITERS)) sched_yield();
  return NULL;
}

static void* try_it(void* unused) {
  (void)unused;
  fails("trylock of a held one", futex(FUTEX_TRYLOCK_PI, NULL), EAGAIN);
  fails("unlock by another", futex(FUTEX_UNLOCK_PI, NULL), EPERM);
  struct timespec soon;
  clock_gettime(CLOCK_REALTIME, &soon);
  soon.tv_nsec += 20000000;
  if (soon.tv_nsec >= 1000000000) {
    soon.tv_nsec -= 1000000000;
    ++soon.tv_sec;
  }
  fails("lock with a timeout", futex(FUTEX_LOCK_PI, &soon), ETIMEDOUT);
  return NULL;
}

static void* wait_as_fifo(void* unused) {
  (void)unused;
  struct sched_param parameter = {.sched_priority = 30};
  must(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &parameter));
  must(futex(FUTEX_LOCK_PI, NULL));
  must(futex(FUTEX_UNLOCK_PI, NULL));
  return NULL;
}

int main(void) {
  pthread_t thread;
  equal("free", futex(FUTEX_LOCK_PI, NULL), 0);
  ok("the word names us", value() == my_tid());
  fails("locked twice", futex(FUTEX_LOCK_PI, NULL), EDEADLK);
  fails("tried twice", futex(FUTEX_TRYLOCK_PI, NULL), EDEADLK);
  must(pthread_create(&thread, NULL, try_it, NULL));
  pthread_join(thread, NULL);
  must(pthread_create(&thread, NULL, lock_and_hold, NULL));
  while (!(value() & FUTEX_WAITERS)) sched_yield();
  ok("waits", step == 0);
  long unlocked = futex(FUTEX_UNLOCK_PI, NULL);
  pthread_join(thread, NULL);
  equal("unlock", unlocked, 0);
  equal("ran", step, 2);
  equal("free again", value(), 0);

  must(futex(FUTEX_LOCK_PI, NULL));
  long before = priority_of(my_tid());
  must(pthread_create(&thread, NULL, wait_as_fifo, NULL));
  while (!(value() & FUTEX_WAITERS) || priority_of(my_tid()) == before) sched_yield();
  equal("the owner has its waiter's priority", priority_of(my_tid()), -31);
  must(futex(FUTEX_UNLOCK_PI, NULL));
  equal("and loses it", priority_of(my_tid()), before);
  pthread_join(thread, NULL);

  step = 0;
  must(pthread_create(&thread, NULL, hold_and_die, NULL));
  while (step != 1) sched_yield();
  equal("inherited from the dead", futex(FUTEX_LOCK_PI, NULL), 0);
  ok("marked so", (value() & FUTEX_OWNER_DIED) && (value() & FUTEX_TID_MASK) == my_tid());
  pthread_join(thread, NULL);
  must(futex(FUTEX_UNLOCK_PI, NULL));
  word = 0x3ffffff0;
  fails("owned by nobody", futex(FUTEX_LOCK_PI, NULL), ESRCH);
  return finish();
}
