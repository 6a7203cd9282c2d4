// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// Mutexes, condition variables, barriers, read-write locks and semaphores under contention.
#include <pthread.h>
#include <semaphore.h>

#include "check.h"

enum { count = 8, turns = 2000 };
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t semaphore;
static long counter, written, baton, leaders;

static void* worker(void* argument) {
  long index = (long)argument;
  for (int turn = 0; turn < turns; turn++) {
    pthread_mutex_lock(&mutex);
    counter++;
    pthread_mutex_unlock(&mutex);
  }
  if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) {
    __atomic_add_fetch(&leaders, 1, __ATOMIC_SEQ_CST);
  }
  for (int turn = 0; turn < 20; turn++) {
    pthread_mutex_lock(&mutex);
    while (baton % count != index) pthread_cond_wait(&changed, &mutex);
    baton++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
  }
  for (int turn = 0; turn < 200; turn++) {
    if (turn % 8 == index) {
      pthread_rwlock_wrlock(&rwlock);
      written++;
    } else {
      pthread_rwlock_rdlock(&rwlock);
    }
    pthread_rwlock_unlock(&rwlock);
  }
  sem_post(&semaphore);
  return NULL;
}

int main(void) {
  pthread_t threads[count];
  pthread_barrier_init(&barrier, NULL, count);
  sem_init(&semaphore, 0, 0);
  for (long index = 0; index < count; index++)
    pthread_create(&threads[index], NULL, worker, (void*)index);
  for (int index = 0; index < count; index++) sem_wait(&semaphore);
  for (int index = 0; index < count; index++) pthread_join(threads[index], NULL);
  equal("mutex", counter, count * turns);
  equal("one serial thread", leaders, 1);
  equal("baton passed in turn", baton, 20 * count);
  equal("read-write lock", written, 200);
  struct timespec soon;
  clock_gettime(CLOCK_REALTIME, &soon);
  soon.tv_nsec += 5000000;
  if (soon.tv_nsec >= 1000000000) soon.tv_sec++, soon.tv_nsec -= 1000000000;
  pthread_mutex_lock(&mutex);
  equal("timed wait times out", pthread_cond_timedwait(&changed, &mutex, &soon), ETIMEDOUT);
  equal("sem_timedwait times out", sem_timedwait(&semaphore, &soon) == -1 && errno == ETIMEDOUT, 1);
  return finish();
}
