// SPDX-License-Identifier: MIT
// CONTRACT: G6 G10 B72 B73
//
// The end, the exec, the stop and the continuation of a process of many threads, some of which make
// threads all the time: all take part, the ones just born too, and afterwards none has been left
// out. What counts is told first: the status is that of what came first.
#include <pthread.h>

#include "check.h"

enum { kMakers = 2, kSpinners = 2, kCounters = 14, kSleepers = 12, kRounds = 2 };

static char* program;
static volatile long* counts;  // shared with the parent: one a counter, then the number of children

static void* leaf(void* unused) { return unused; }

static void start_thread(pthread_t* thread, void* (*function)(void*), void* argument) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 16384);
  pthread_create(thread, &attributes, function, argument);
}

static void* make_threads(void* unused) {
  for (;;) {
    pthread_t thread;
    start_thread(&thread, leaf, NULL);
    pthread_join(thread, NULL);
    counts[kCounters]++;
  }
  return unused;
}

static void* count(void* own) {
  for (;;) {
    ++*(volatile long*)own;
    if ((volatile long*)own < counts + kSpinners)
      sched_yield();
    else
      usleep(500);
  }
  return NULL;
}

static void* rest(void* unused) {
  for (;;) pause();
  return unused;
}

static void* exit_here(void* unused) {
  _exit(71);
  return unused;
}

static void* exec_here(void* unused) {
  char number[16];
  snprintf(number, sizeof number, "%d", getpid());
  char* arguments[] = {program, number, NULL};
  execv(program, arguments);
  _exit(98);
  return unused;
}

// A process of many threads, all at work when this returns; `last` is one more, if not null.
static pid_t start_process(void* (*last)(void*)) {
  for (int index = 0; index <= kCounters; index++) counts[index] = 0;
  struct gate ready = gate_make();
  pid_t child = must(fork());
  if (child == 0) {
    pthread_t thread;
    for (int index = 0; index < kCounters; index++) {
      if (index < kSleepers) start_thread(&thread, rest, NULL);
      start_thread(&thread, count, (void*)&counts[index]);
      if (index < kMakers) start_thread(&thread, make_threads, NULL);
    }
    gate_open(ready);
    if (last != NULL) start_thread(&thread, last, NULL);
    rest(NULL);
  }
  gate_wait(ready);
  close(ready.ends[0]);
  close(ready.ends[1]);
  return child;
}

static void wait_until_all_count(void) {
  for (int index = 0; index < kCounters; index++) {
    long before = counts[index];
    while (counts[index] == before) sched_yield();
  }
}

static int nobody_counts(void) {
  long before[kCounters];
  memcpy(before, (void*)counts, sizeof before);
  usleep(3000);
  return memcmp(before, (void*)counts, sizeof before) == 0;
}

static void ends(void) {
  exits("exit_group in a thread", start_process(exit_here), 71);
  ok("ends all", nobody_counts());
  pid_t child = start_process(NULL);
  wait_until_all_count();
  must(kill(child, SIGKILL));
  must(kill(child, SIGTERM));
  killed_by("SIGKILL came first", child, SIGKILL);
  ok("nobody is left after the wait", nobody_counts());
  child = start_process(NULL);
  must(kill(child, SIGTERM));
  must(kill(child, SIGKILL));
  killed_by("SIGTERM came first", child, SIGTERM);
  exits("exec in a thread", start_process(exec_here), 44);
  fails("nothing else to wait for", waitpid(-1, NULL, __WALL), ECHILD);
}

static void stops(void) {
  int status;
  pid_t child = start_process(NULL);
  for (int round = 0; round < kRounds; round++) {
    wait_until_all_count();
    must(kill(child, SIGSTOP));
    must(waitpid(child, &status, WUNTRACED));
    ok("stopped", WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    ok("all have stopped", nobody_counts());
    must(kill(child, SIGCONT));
    must(waitpid(child, &status, WCONTINUED));
    ok("continued", WIFCONTINUED(status));
  }
  // Stops that are overtaken before all have heard of them.
  for (int round = 0; round < 20 * kRounds; round++) {
    must(kill(child, SIGSTOP));
    must(kill(child, SIGCONT));
  }
  wait_until_all_count();
  must(kill(child, SIGSTOP));
  must(kill(child, SIGCONT));
  must(kill(child, SIGSTOP));
  do must(waitpid(child, &status, WUNTRACED | WCONTINUED));
  while (!WIFSTOPPED(status));
  ok("all have stopped in the end", nobody_counts());
  must(kill(child, SIGKILL));
  killed_by("SIGKILL ends the stopped", child, SIGKILL);
}

int main(int argc, char** argv) {
  if (argc > 1) {
    equal("process number stays", getpid(), atoi(argv[1]));
    struct stat task;
    must(stat("/proc/self/task", &task));
    equal("one thread is left", (long)task.st_nlink, 3);
    return check_failures == 0 ? 44 : 1;
  }
  program = argv[0];
  counts = shared_memory(4096);
  ends();
  stops();
  return finish();
}
