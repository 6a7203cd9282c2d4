// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// Masks are per thread, handlers per process: a process signal goes to a thread that does not
// block it, pthread_kill to the one named; pthread_cancel works.
#include <pthread.h>

#include "check.h"

static volatile pid_t handled_by;
static volatile pid_t worker_tid;
static void on_signal(int number) {
  (void)number;
  handled_by = (pid_t)syscall(SYS_gettid);
}

static void* worker(void* unused) {
  (void)unused;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  worker_tid = (pid_t)syscall(SYS_gettid);
  for (;;) pause();
  return NULL;
}

int main(void) {
  handle(SIGUSR1, on_signal, 0);
  handle(SIGUSR2, on_signal, 0);
  block(SIGUSR1);
  pthread_t thread;
  pthread_create(&thread, NULL, worker, NULL);
  while (worker_tid == 0) sched_yield();
  must(kill(getpid(), SIGUSR1));
  while (handled_by == 0) sched_yield();
  ok("went to the thread that takes it", handled_by == worker_tid);
  handled_by = 0;
  pthread_kill(thread, SIGUSR2);
  while (handled_by == 0) sched_yield();
  ok("pthread_kill", handled_by == worker_tid);
  handled_by = 0;
  raise(SIGUSR2);
  ok("raise is for oneself", handled_by == getpid());
  raise(SIGUSR1);
  sigset_t pending;
  must(sigpending(&pending));
  ok("a blocked thread signal stays pending", sigismember(&pending, SIGUSR1));
  pthread_cancel(thread);
  void* result = NULL;
  pthread_join(thread, &result);
  ok("cancelled", result == PTHREAD_CANCELED);
  return finish();
}
