// SPDX-License-Identifier: MIT
// CONTRACT: B72 A9
//
// fork in a thread that is not the leader: the child has one thread, whose number is its process
// number, and its parent is the process, not the thread.
#include <dirent.h>
#include <pthread.h>

#include "check.h"

static pid_t process;

static void* forker(void* unused) {
  (void)unused;
  ok("thread differs", syscall(SYS_gettid) != process);
  pid_t child = must(fork());
  if (child == 0) {
    equal("tid is pid", syscall(SYS_gettid), getpid());
    equal("parent is the process", getppid(), process);
    int threads = 0;
    DIR* listing = opendir("/proc/self/task");
    for (struct dirent* entry; (entry = readdir(listing)) != NULL;)
      threads += entry->d_name[0] != '.';
    equal("one thread", threads, 1);
    _exit(check_failures);
  }
  exits("child", child, 0);
  return NULL;
}

int main(void) {
  process = getpid();
  pthread_t thread;
  must(-pthread_create(&thread, NULL, forker, NULL));
  ok("join", pthread_join(thread, NULL) == 0);
  pid_t child = must(fork());
  if (child == 0) _exit(9);
  exits("main's child", child, 9);
  return finish();
}
