// SPDX-License-Identifier: MIT
// CONTRACT: issue-3
//
// /proc/PID/task lists every thread once, however small the reader's buffer is, and goes on where
// it was when threads that it has listed end meanwhile.
#include <dirent.h>
#include <pthread.h>

#include "check.h"

enum { kThreads = 40 };

static int numbers[kThreads];
static volatile int may_end[kThreads];
static pthread_t threads[kThreads];

static void* live(void* own) {
  long index = (long)own;
  __atomic_store_n(&numbers[index], (int)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
  while (!may_end[index]) usleep(200);
  return NULL;
}

static int index_of(int number) {
  for (int index = 0; index < kThreads; index++) {
    if (numbers[index] == number) return index;
  }
  return -1;
}

// Reads with a buffer for two names or three. `at_each` is called for each thread of ours.
static void list(int seen[kThreads], int* others, void (*at_each)(int index)) {
  int directory = must(open("/proc/self/task", O_RDONLY | O_DIRECTORY));
  char buffer[72];
  long length;
  while ((length = must(syscall(SYS_getdents64, directory, buffer, sizeof buffer))) > 0) {
    for (long at = 0; at < length;) {
      struct dirent64* entry = (struct dirent64*)(buffer + at);
      at += entry->d_reclen;
      int number = atoi(entry->d_name);
      if (number == 0) continue;
      int index = index_of(number);
      if (index < 0)
        ++*others;
      else
        ++seen[index];
      if (index >= 0 && at_each != NULL) at_each(index);
    }
  }
  close(directory);
}

// The one before the last that was listed, so that the reader's place is not at it.
static void end_the_one_before(int index) {
  if (index < 1 || may_end[index - 1]) return;
  may_end[index - 1] = 1;
  pthread_join(threads[index - 1], NULL);
}

static int all_once(const int seen[kThreads]) {
  for (int index = 0; index < kThreads; index++) {
    if (seen[index] != 1) return 0;
  }
  return 1;
}

int main(void) {
  for (long index = 0; index < kThreads; index++) {
    pthread_create(&threads[index], NULL, live, (void*)index);
    while (__atomic_load_n(&numbers[index], __ATOMIC_SEQ_CST) == 0) sched_yield();
  }
  int seen[kThreads] = {0}, others = 0;
  list(seen, &others, NULL);
  ok("every thread once", all_once(seen));
  equal("and the first one", others, 1);
  memset(seen, 0, sizeof seen);
  others = 0;
  list(seen, &others, end_the_one_before);
  ok("every thread once, though listed ones end", all_once(seen));
  equal("and the first one again", others, 1);
  may_end[kThreads - 1] = 1;
  pthread_join(threads[kThreads - 1], NULL);
  memset(seen, 0, sizeof seen);
  others = 0;
  list(seen, &others, NULL);
  equal("one thread is left", others, 1);
  return finish();
}
