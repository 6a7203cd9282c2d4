// SPDX-License-Identifier: MIT
// CONTRACT: E2 G3 B72
//
// pthread: create, join, return values, thread-local storage, detach, gettid.
#include <pthread.h>

#include "check.h"

static __thread long local = 7;
static pthread_key_t key;
static volatile int destroyed;
static void destroy(void* value) { destroyed += value == (void*)1; }

static void* worker(void* argument) {
  long index = (long)argument;
  if (local != 7) return (void*)-1L;
  local = index;
  pthread_setspecific(key, (void*)1);
  for (int turn = 0; turn < 10; turn++) sched_yield();
  if (getpid() == syscall(SYS_gettid)) return (void*)-2L;
  return (void*)(local * 10);
}

int main(void) {
  enum { count = 32 };
  pthread_t threads[count];
  pthread_key_create(&key, destroy);
  int created = 0, right = 0;
  for (long index = 0; index < count; index++) {
    created += pthread_create(&threads[index], NULL, worker, (void*)index) == 0;
  }
  for (long index = 0; index < count; index++) {
    void* result = NULL;
    pthread_join(threads[index], &result);
    right += result == (void*)(index * 10);
  }
  equal("created", created, count);
  equal("joined with their results", right, count);
  equal("destructors", destroyed, count);
  equal("own local untouched", local, 7);
  int churn = 0;
  for (int turn = 0; turn < 200; turn++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, worker, (void*)1L) == 0 && pthread_join(thread, NULL) == 0)
      churn++;
  }
  equal("two hundred one after another", churn, 200);
  while (stat_field(getpid(), 20) != 1) sched_yield();
  ok("one thread is left", 1);
  return finish();
}
