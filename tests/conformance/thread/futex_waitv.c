// SPDX-License-Identifier: MIT
//
// futex_waitv(2): one of several words at once, its argument checks, both clocks, private and
// shared words, and that a wake-up leaves nobody behind on the other words.
#include "../check.h"

#include <pthread.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
enum { WAKE = 1, PRIVATE = 128, SIZE_U32 = 2, words = 4 };

struct entry {
  uint64_t value, address;
  uint32_t flags, reserved;
};
static uint32_t word[words];
static struct entry entries[words + 125];
static struct timespec timeout;

static long waitv(unsigned count, unsigned flags, const void* deadline, int clock) {
  return syscall(SYS_futex_waitv, entries, count, flags, deadline, clock);
}
static long wake(int i, int limit) {
  return syscall(SYS_futex, &word[i], WAKE | PRIVATE, limit, NULL, NULL, 0);
}
static void fill(void) {
  for (int i = 0; i < words; ++i) {
    entries[i] = (struct entry){0, (uintptr_t)&word[i], SIZE_U32 | PRIVATE, 0};
  }
}
#define refused(label, change, error)                             \
  do {                                                            \
    fill();                                                       \
    change;                                                       \
    fails(label, waitv(2, 0, &timeout, CLOCK_MONOTONIC), error); \
  } while (0)

static volatile long outcome;
static void* wait_for_all(void* unused) {
  (void)unused;
  outcome = waitv(words, 0, NULL, 0);
  return NULL;
}

int main(void) {
  fill();
  fails("no entries", waitv(0, 0, NULL, 0), EINVAL);
  fails("too many", waitv(129, 0, NULL, 0), EINVAL);
  fails("null", syscall(SYS_futex_waitv, NULL, 1, 0, NULL, 0), EINVAL);
  fails("flags", waitv(1, 1, NULL, 0), EINVAL);
  fails("monotonic deadline", waitv(2, 0, &timeout, CLOCK_MONOTONIC), ETIMEDOUT);
  fails("realtime deadline", waitv(2, 0, &timeout, CLOCK_REALTIME), ETIMEDOUT);
  fails("another clock", waitv(2, 0, &timeout, CLOCK_BOOTTIME), EINVAL);
  fails("bad timeout", waitv(2, 0, (void*)8, CLOCK_MONOTONIC), EFAULT);
  refused("no size", entries[1].flags = PRIVATE, EINVAL);
  refused("64 bits", entries[1].flags = 3, EINVAL);
  refused("unknown flag", entries[1].flags |= 64, EINVAL);
  refused("reserved", entries[1].reserved = 1, EINVAL);
  refused("value too large", entries[1].value = 1ull << 32, EINVAL);
  refused("not aligned", entries[1].address += 1, EINVAL);
  refused("bad address", entries[1].address = 8, EFAULT);
  refused("differs", entries[1].value = 1, EAGAIN);
  refused("shared word", entries[1].flags = SIZE_U32, ETIMEDOUT);

  fill();
  for (int i = 0; i < words; ++i) {
    pthread_t thread;
    must(pthread_create(&thread, NULL, wait_for_all, NULL));
    while (wake(i, 1) == 0) sched_yield();
    pthread_join(thread, NULL);
    equal("the index of what was woken", outcome, i);
    for (int other = 0; other < words; ++other) equal("nobody is left", wake(other, 1), 0);
  }
  for (int i = 0; i < 128; ++i) {
    entries[i] = (struct entry){0, (uintptr_t)&word[i % words], SIZE_U32 | PRIVATE, 0};
  }
  fails("as many as there may be", waitv(128, 0, &timeout, CLOCK_MONOTONIC), ETIMEDOUT);
  return finish();
}
