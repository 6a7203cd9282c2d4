// SPDX-License-Identifier: MIT
// CONTRACT: E37 G3
//
// Robust mutexes: a thread that ends while holding one hands it over with EOWNERDEAD.
#include <pthread.h>

#include "check.h"

static pthread_mutex_t mutex;
static void* holder(void* unused) {
  (void)unused;
  pthread_mutex_lock(&mutex);
  return NULL;
}

int main(void) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&mutex, &attributes);
  pthread_t thread;
  pthread_create(&thread, NULL, holder, NULL);
  pthread_join(thread, NULL);
  equal("owner died", pthread_mutex_lock(&mutex), EOWNERDEAD);
  equal("made consistent", pthread_mutex_consistent(&mutex), 0);
  equal("unlock", pthread_mutex_unlock(&mutex), 0);
  equal("lock again", pthread_mutex_lock(&mutex), 0);
  equal("unlock", pthread_mutex_unlock(&mutex), 0);
  pthread_create(&thread, NULL, holder, NULL);
  pthread_join(thread, NULL);
  equal("dies again", pthread_mutex_lock(&mutex), EOWNERDEAD);
  pthread_mutex_unlock(&mutex);
  equal("not recoverable", pthread_mutex_lock(&mutex), ENOTRECOVERABLE);
  return finish();
}
