// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// futex: wait with a stale value, wake counts, bitsets, requeue, time-outs, bad arguments.
#include <pthread.h>

#include "check.h"

enum {
  wait_op = 0,
  wake_op = 1,
  requeue_op = 3,
  cmp_requeue_op = 4,
  wake_op_op = 5,
  wait_bitset_op = 9,
  wake_bitset_op = 10,
  private_flag = 128,
  clock_realtime = 256
};
static int word, other;
static volatile int awake, waiting;

static long futex(int* address, int operation, long value, const void* timeout, int* second,
                  long third) {
  return syscall(SYS_futex, address, operation, value, timeout, second, third);
}

static void* waiter(void* argument) {
  long bitset = (long)argument;
  __atomic_add_fetch(&waiting, 1, __ATOMIC_SEQ_CST);
  while (futex(&word, wait_bitset_op | private_flag, 0, NULL, NULL, bitset) == -1 && errno == EINTR)
    continue;
  __atomic_add_fetch(&awake, 1, __ATOMIC_SEQ_CST);
  return NULL;
}

// Starts threads that wait, and returns when all of them sleep.
static void start(pthread_t* threads, int count, const long* bitsets) {
  waiting = awake = 0;
  for (int index = 0; index < count; index++)
    pthread_create(&threads[index], NULL, waiter, (void*)bitsets[index]);
  while (waiting != count) sched_yield();
  // All threads sleep when moving none of them with requeue reports nothing to wake but the
  // kernel's queue holds them: ask by requeueing to the same word, which counts the waiters.
  while (futex(&word, requeue_op | private_flag, 0, (void*)(long)count, &word, 0) != count)
    sched_yield();
}

int main(void) {
  struct timespec none = {0, 0}, little = {0, 5000000}, bad = {0, 2000000000};
  fails("value differs", futex(&word, wait_op, 1, NULL, NULL, 0), EAGAIN);
  fails("times out at once", futex(&word, wait_op, 0, &none, NULL, 0), ETIMEDOUT);
  long long before = now_ns(CLOCK_MONOTONIC);
  fails("times out", futex(&word, wait_op, 0, &little, NULL, 0), ETIMEDOUT);
  ok("not early", now_ns(CLOCK_MONOTONIC) - before >= 5000000);
  struct timespec absolute;
  clock_gettime(CLOCK_MONOTONIC, &absolute);
  fails("absolute time in the past", futex(&word, wait_bitset_op, 0, &absolute, NULL, -1),
        ETIMEDOUT);
  clock_gettime(CLOCK_REALTIME, &absolute);
  fails("on the real clock", futex(&word, wait_bitset_op | clock_realtime, 0, &absolute, NULL, -1),
        ETIMEDOUT);
  fails("bad time", futex(&word, wait_op, 0, &bad, NULL, 0), EINVAL);
  fails("no bits", futex(&word, wait_bitset_op, 0, NULL, NULL, 0), EINVAL);
  fails("unaligned", futex((int*)((char*)&word + 1), wait_op, 0, NULL, NULL, 0), EINVAL);
  fails("bad address", futex((int*)4096, wait_op, 0, NULL, NULL, 0), EFAULT);
  fails("unknown operation", futex(&word, 77, 0, NULL, NULL, 0), ENOSYS);
  equal("nobody to wake", futex(&word, wake_op, 10, NULL, NULL, 0), 0);
  pthread_t threads[4];
  long any[4] = {-1, -1, -1, -1}, bits[4] = {1, 2, 4, 8};
  start(threads, 4, any);
  equal("wake one", futex(&word, wake_op | private_flag, 1, NULL, NULL, 0), 1);
  equal("wake the rest", futex(&word, wake_op | private_flag, 100, NULL, NULL, 0), 3);
  for (int index = 0; index < 4; index++) pthread_join(threads[index], NULL);
  equal("all awake", awake, 4);
  start(threads, 4, bits);
  equal("bitset picks two", futex(&word, wake_bitset_op | private_flag, 100, NULL, NULL, 6), 2);
  equal("then the others", futex(&word, wake_op | private_flag, 100, NULL, NULL, 0), 2);
  for (int index = 0; index < 4; index++) pthread_join(threads[index], NULL);
  start(threads, 4, any);
  fails("cmp_requeue with a stale value",
        futex(&word, cmp_requeue_op | private_flag, 1, (void*)9, &other, 5), EAGAIN);
  equal("wake one, move three", futex(&word, cmp_requeue_op | private_flag, 1, (void*)9, &other, 0),
        4);
  equal("none left", futex(&word, wake_op | private_flag, 100, NULL, NULL, 0), 0);
  equal("three over there", futex(&other, wake_op | private_flag, 100, NULL, NULL, 0), 3);
  for (int index = 0; index < 4; index++) pthread_join(threads[index], NULL);
  other = 5;
  equal("wake_op adds",
        futex(&word, wake_op_op | private_flag, 1, (void*)1, &other, (1 << 28) | (3 << 12)), 0);
  equal("to the second word", other, 8);
  return finish();
}
