// SPDX-License-Identifier: MIT
// CONTRACT: G12
//
// CLOCK_MONOTONIC never goes back from one CPU to another: threads bound to different CPUs hand the
// latest time they know to one another, and none reads an earlier one afterwards; neither by the
// vDSO nor by the system call, nor by both in turn.
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>

enum { most_threads = 8, rounds = 20000 };

static _Atomic long long latest;
static pthread_barrier_t start;

static long long by_system_call(void) {
  struct timespec now;
  must(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now));
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

// How often time went back, bound to the CPU whose number is the argument.
static void* watch(void* argument) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET((int)(intptr_t)argument, &set);
  must(sched_setaffinity(0, sizeof set, &set));
  pthread_barrier_wait(&start);
  intptr_t went_back = 0;
  for (int round = 0; round < rounds; ++round) {
    long long known = atomic_load(&latest);
    long long now = round % 4 == 3 ? by_system_call() : now_ns(CLOCK_MONOTONIC);
    went_back += now < known;
    while (now > known && !atomic_compare_exchange_weak(&latest, &known, now)) continue;
  }
  return (void*)went_back;
}

int main(void) {
  cpu_set_t allowed;
  must(sched_getaffinity(0, sizeof allowed, &allowed));
  pthread_t threads[most_threads];
  int cpus[most_threads], count = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE && count < most_threads; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) cpus[count++] = cpu;
  }
  must(pthread_barrier_init(&start, NULL, (unsigned)count) == 0 ? 0 : -1);
  for (int i = 0; i < count; ++i) {
    must(pthread_create(&threads[i], NULL, watch, (void*)(intptr_t)cpus[i]) == 0 ? 0 : -1);
  }
  long went_back = 0;
  for (int i = 0; i < count; ++i) {
    void* result = NULL;
    must(pthread_join(threads[i], &result) == 0 ? 0 : -1);
    went_back += (intptr_t)result;
  }
  equal("times that lay before a known one", went_back, 0);
  ok("time has passed", atomic_load(&latest) > 0);
  return finish();
}
