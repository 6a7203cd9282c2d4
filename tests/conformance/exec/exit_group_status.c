// SPDX-License-Identifier: MIT
// CONTRACT: B72 G10
//
// exit ends one thread, exit_group the process; the status is that of exit_group; a fatal signal
// to one thread ends all; the leader may end first and the process goes on.
#include <pthread.h>

#include "check.h"

static void* forever(void* unused) {
  (void)unused;
  for (;;) pause();
  return NULL;
}

static void* later(void* unused) {
  (void)unused;
  wait_state(getpid(), 'Z');
  _exit(23);
}

static void* faults(void* unused) {
  (void)unused;
  *(volatile int*)8 = 1;
  return NULL;
}

static pid_t start(void* (*function)(void*)) {
  pid_t child = must(fork());
  if (child == 0) {
    pthread_t threads[4];
    for (int index = 0; index < 3; index++) pthread_create(&threads[index], NULL, forever, NULL);
    pthread_create(&threads[3], NULL, function, NULL);
    if (function == later) syscall(SYS_exit, 5);
    for (;;) pause();
  }
  return child;
}

int main(void) {
  exits("leader left, a thread decides", start(later), 23);
  killed_by("a fault in a thread", start(faults), SIGSEGV);
  pid_t child = start(forever);
  must(kill(child, SIGTERM));
  killed_by("a signal to the process", child, SIGTERM);
  child = must(fork());
  if (child == 0) syscall(SYS_exit, 9);
  exits("exit of the only thread", child, 9);
  return finish();
}
