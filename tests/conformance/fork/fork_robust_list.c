// SPDX-License-Identifier: MIT
// CONTRACT: E37 G3
//
// The child has no robust futex list and its death does not release the parent's robust mutex.
#include <pthread.h>

#include "check.h"

int main(void) {
  pthread_mutex_t* mutex = shared_memory(4096);
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutex_init(mutex, &attributes);
  ok("lock", pthread_mutex_lock(mutex) == 0);
  void* head = (void*)1;
  size_t size = 0;
  pid_t child = must(raw_clone(SIGCHLD, NULL, NULL));
  if (child == 0) {
    must(syscall(SYS_get_robust_list, 0, &head, &size));
    ok("no list in child", head == NULL);
    _exit(check_failures);
  }
  exits("child", child, 0);
  must(syscall(SYS_get_robust_list, 0, &head, &size));
  ok("parent's list stays", head != NULL);
  equal("size of the head", (long)size, 24);
  child = must(fork());
  if (child == 0) _exit(pthread_mutex_trylock(mutex) == EBUSY ? 0 : 1);
  exits("still locked", child, 0);
  ok("unlock", pthread_mutex_unlock(mutex) == 0);

  child = must(fork());
  if (child == 0) {
    pthread_mutex_lock(mutex);
    _exit(0);
  }
  exits("owner dies", child, 0);
  ok("EOWNERDEAD", pthread_mutex_lock(mutex) == EOWNERDEAD);
  ok("consistent", pthread_mutex_consistent(mutex) == 0);
  ok("unlock", pthread_mutex_unlock(mutex) == 0);
  fails("bad size", syscall(SYS_set_robust_list, NULL, 7), EINVAL);
  return finish();
}
