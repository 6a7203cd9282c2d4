// SPDX-License-Identifier: MIT
// CONTRACT: G8
//
// Among many children, of several threads, wait finds the one that it is asked for, wherever it
// stands, also while other threads wait for the rest; and the children of a parent that ends all
// get a new one, whatever state they are in.
#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>

#include "check.h"

enum { kChildren = 120, kWaiters = 4 };

static pid_t children[kChildren];

static void start_children(void) {
  for (int index = 0; index < kChildren; index++) {
    children[index] = must(fork());
    if (children[index] == 0) {
      alarm(100);  // whatever becomes of this program
      for (;;) pause();
    }
  }
}

static void one_of_many(int index) {
  must(kill(children[index], SIGTERM));
  int status = 0;
  ok("the one that has ended is found", waitpid(-1, &status, 0) == children[index]);
  ok("with its status", WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
  equal("and nobody else", waitpid(-1, &status, WNOHANG), 0);
  children[index] = 0;
}

static void by_group(void) {
  must(setpgid(children[kChildren - 2], 0));
  pid_t group = children[kChildren - 2];
  equal("a living member of a group", waitpid(-group, NULL, WNOHANG), 0);
  must(kill(group, SIGSTOP));
  int status = 0;
  ok("that stops", waitpid(-group, &status, WUNTRACED) == group && WIFSTOPPED(status));
  must(kill(group, SIGKILL));
  ok("and ends", waitpid(-group, &status, 0) == group && WIFSIGNALED(status));
  fails("leaves none in its group", waitpid(-group, NULL, WNOHANG), ECHILD);
  children[kChildren - 2] = 0;
}

static _Atomic int reaped, waiting;

static void* reap_until_none(void* unused) {
  (void)unused;
  waiting++;
  while (waitpid(-1, NULL, 0) > 0) reaped++;
  return NULL;
}

// Children of a thread that ends are those of another one.
static void* fork_and_leave(void* unused) {
  (void)unused;
  start_children();
  return NULL;
}

static void many_waiters(void) {
  pthread_t threads[kWaiters], maker;
  pthread_create(&maker, NULL, fork_and_leave, NULL);
  pthread_join(maker, NULL);
  for (int index = 0; index < kWaiters; index++) {
    pthread_create(&threads[index], NULL, reap_until_none, NULL);
  }
  while (waiting < kWaiters) sched_yield();
  for (int index = kChildren - 1; index >= 0; index -= 2) must(kill(children[index], SIGKILL));
  for (int index = kChildren - 2; index >= 0; index -= 2) must(kill(children[index], SIGKILL));
  for (int index = 0; index < kWaiters; index++) pthread_join(threads[index], NULL);
  equal("each child is waited for once", reaped, kChildren);
}

// A third has ended, a third is stopped, a third lives on.
static void orphans(void) {
  must(prctl(PR_SET_CHILD_SUBREAPER, 1));
  struct gate ready = gate_make();
  pid_t parent = must(fork());
  if (parent == 0) {
    start_children();
    for (int index = 0; index < kChildren; index++) {
      if (index % 3 == 0) must(kill(children[index], SIGTERM));
      if (index % 3 == 1) must(kill(children[index], SIGSTOP));
    }
    for (int index = 0; index < kChildren; index++) {
      if (index % 3 == 0) wait_state(children[index], 'Z');
      if (index % 3 == 1) wait_state(children[index], 'T');
      must(write(ready.ends[1], &children[index], sizeof children[index]));
    }
    _exit(0);
  }
  for (int index = 0; index < kChildren; index++) {
    must(read(ready.ends[0], &children[index], sizeof children[index]));
  }
  exits("their parent", parent, 0);
  int right = 0;
  for (int index = 0; index < kChildren; index++) {
    right += stat_field(children[index], 4) == getpid();
  }
  equal("all orphans are ours", right, kChildren);
  right = 0;
  for (int index = 0; index < kChildren; index++) {
    int status = 0;
    if (index % 3 != 0) must(kill(children[index], SIGKILL));
    right += waitpid(children[index], &status, 0) == children[index] && WIFSIGNALED(status) &&
             WTERMSIG(status) == (index % 3 == 0 ? SIGTERM : SIGKILL);
  }
  equal("and are waited for", right, kChildren);
}

int main(void) {
  start_children();
  one_of_many(0);
  one_of_many(kChildren / 2);
  one_of_many(kChildren - 1);
  by_group();
  for (int index = 0; index < kChildren; index++) {
    if (children[index] == 0) continue;
    must(kill(children[index], SIGKILL));
    must(waitpid(children[index], NULL, 0));
  }
  fails("no child is left", waitpid(-1, NULL, 0), ECHILD);
  many_waiters();
  orphans();
  return finish();
}
