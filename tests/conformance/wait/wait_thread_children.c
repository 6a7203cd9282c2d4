// SPDX-License-Identifier: MIT
// CONTRACT: G8 B72
//
// Any thread may wait for a child of another thread, unless it says __WNOTHREAD.
#include <pthread.h>

#include "check.h"

static pid_t child;
static void* maker(void* unused) {
  (void)unused;
  child = must(fork());
  if (child == 0) _exit(4);
  wait_state(child, 'Z');
  return NULL;
}

static void* holder(void* argument) {
  struct gate* gates = argument;
  child = must(fork());
  if (child == 0) _exit(5);
  wait_state(child, 'Z');
  gate_open(gates[0]);
  gate_wait(gates[1]);
  return NULL;
}

int main(void) {
  pthread_t thread;
  ok("thread", pthread_create(&thread, NULL, maker, NULL) == 0);
  ok("join", pthread_join(thread, NULL) == 0);
  exits("child of an ended thread", child, 4);
  struct gate gates[2] = {gate_make(), gate_make()};
  ok("thread", pthread_create(&thread, NULL, holder, gates) == 0);
  gate_wait(gates[0]);
  fails("__WNOTHREAD", waitpid(-1, NULL, __WNOTHREAD | WNOHANG), ECHILD);
  exits("child of a live thread", child, 5);
  gate_open(gates[1]);
  ok("join", pthread_join(thread, NULL) == 0);
  return finish();
}
