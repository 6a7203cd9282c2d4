// SPDX-License-Identifier: MIT
//
// membarrier(2): commands, registration, and that two threads which use it on one side and a
// compiler barrier on the other never both miss the other's store.
#include "../check.h"

#include <pthread.h>

enum {
  MEMBARRIER_CMD_QUERY = 0,
  MEMBARRIER_CMD_GLOBAL = 1,
  MEMBARRIER_CMD_PRIVATE_EXPEDITED = 8,
  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED = 16,
};

enum { rounds = 2000 };
static volatile int turn, done, stores[2], seen[2];

static long membarrier(int command, unsigned flags) {
  return syscall(SYS_membarrier, command, flags, 0);
}

static void* fast_side(void* unused) {
  (void)unused;
  for (int i = 1; i <= rounds; ++i) {
    while (turn != i) sched_yield();
    stores[0] = 1;
    __asm__ volatile("" ::: "memory");
    seen[0] = stores[1];
    __atomic_store_n(&done, i, __ATOMIC_RELEASE);
  }
  return NULL;
}

int main(void) {
  long commands = membarrier(MEMBARRIER_CMD_QUERY, 0);
  ok("private expedited is offered", commands > 0 && commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED);
  fails("flags with query", membarrier(MEMBARRIER_CMD_QUERY, 1), EINVAL);
  fails("no such command", membarrier(1 << 30, 0), EINVAL);
  fails("not registered", membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0), EPERM);
  equal("register", membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0), 0);
  equal("then it works", membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0), 0);
  equal("global", membarrier(MEMBARRIER_CMD_GLOBAL, 0), 0);
  pthread_t thread;
  must(pthread_create(&thread, NULL, fast_side, NULL));
  int both_missed = 0;
  for (int i = 1; i <= rounds; ++i) {
    stores[0] = stores[1] = 0;
    __atomic_store_n(&turn, i, __ATOMIC_SEQ_CST);
    stores[1] = 1;
    if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0) != 0) ++check_failures;
    seen[1] = stores[0];
    while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) != i) sched_yield();
    both_missed += seen[0] == 0 && seen[1] == 0;
  }
  pthread_join(thread, NULL);
  equal("both missed", both_missed, 0);
  pid_t child = must(fork());
  if (child == 0) {
    equal("inherited by fork", membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0), 0);
    _exit(check_failures);
  }
  exits("child", child, 0);
  return finish();
}
