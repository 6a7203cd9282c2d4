// SPDX-License-Identifier: MIT
//
// POSIX mutexes with priority inheritance and robustness, alone and together, in one process and
// between processes, with condition variables: what a C library makes of PI futexes.
#include "../check.h"

#include <pthread.h>

enum { rounds = 200 };
struct shared {
  pthread_mutex_t mutex;
  pthread_cond_t condition;
  int turn, inside;
};
static struct shared* shared;

static void make(int protocol, int robust, int between_processes) {
  pthread_mutexattr_t attributes;
  must(pthread_mutexattr_init(&attributes));
  must(pthread_mutexattr_setprotocol(&attributes, protocol));
  must(pthread_mutexattr_setrobust(&attributes, robust));
  must(pthread_mutexattr_setpshared(&attributes, between_processes));
  must(pthread_mutex_init(&shared->mutex, &attributes));
  pthread_condattr_t condition;
  must(pthread_condattr_init(&condition));
  must(pthread_condattr_setpshared(&condition, between_processes));
  must(pthread_cond_init(&shared->condition, &condition));
  shared->turn = shared->inside = 0;
}

// Two of these take turns.
static void* alternate(void* parity) {
  const int mine = (int)(intptr_t)parity;
  for (int i = 0; i < rounds; ++i) {
    pthread_mutex_lock(&shared->mutex);
    while (shared->turn % 2 != mine) pthread_cond_wait(&shared->condition, &shared->mutex);
    if (++shared->inside != 1) ++check_failures;
    ++shared->turn;
    --shared->inside;
    pthread_cond_signal(&shared->condition);
    pthread_mutex_unlock(&shared->mutex);
  }
  return NULL;
}

static void* lock_and_end(void* unused) {
  (void)unused;
  pthread_mutex_lock(&shared->mutex);
  return NULL;
}

static void take_turns(const char* label, int between_processes) {
  pthread_t thread;
  pid_t child = 0;
  if (between_processes) {
    child = must(fork());
    if (child == 0) {
      alternate((void*)1);
      _exit(check_failures);
    }
  } else {
    must(pthread_create(&thread, NULL, alternate, (void*)1));
  }
  alternate((void*)0);
  if (between_processes) exits("the other process", child, 0);
  else pthread_join(thread, NULL);
  equal(label, shared->turn, 2 * rounds);
}

static void outlive_owner(int between_processes) {
  if (between_processes) {
    pid_t child = must(fork());
    if (child == 0) {
      lock_and_end(NULL);
      _exit(0);
    }
    exits("an owner that ends", child, 0);
  } else {
    pthread_t thread;
    must(pthread_create(&thread, NULL, lock_and_end, NULL));
    pthread_join(thread, NULL);
  }
  equal("owner died", pthread_mutex_lock(&shared->mutex), EOWNERDEAD);
  equal("consistent again", pthread_mutex_consistent(&shared->mutex), 0);
  equal("unlock", pthread_mutex_unlock(&shared->mutex), 0);
  equal("trylock", pthread_mutex_trylock(&shared->mutex), 0);
  struct timespec soon;
  clock_gettime(CLOCK_REALTIME, &soon);
  equal("timed lock of one's own", pthread_mutex_timedlock(&shared->mutex, &soon), ETIMEDOUT);
  equal("unlock", pthread_mutex_unlock(&shared->mutex), 0);
}

int main(void) {
  shared = shared_memory(sizeof *shared);
  for (int between = 0; between < 2; ++between) {
    make(PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_STALLED, between);
    take_turns("priority inheritance", between);
    make(PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST, between);
    take_turns("robust", between);
    make(PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_ROBUST, between);
    take_turns("both", between);
    outlive_owner(between);
  }
  return finish();
}
