// SPDX-License-Identifier: MIT
// CONTRACT: B33 A31
//
// A thread maps, unmaps and writes while another forks: each child sees a consistent memory.
#include <pthread.h>

#include "check.h"

static volatile int stop;
static volatile long pair[2][512] __attribute__((aligned(4096)));

static void* mapper(void* unused) {
  (void)unused;
  for (long turn = 1; !stop; turn++) {
    char* page = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    page[0] = page[12288] = 1;
    munmap(page, 16384);
    pair[0][0] = turn;  // the second page is written after the first, always
    pair[1][0] = turn;
  }
  return NULL;
}

int main(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, mapper, NULL);
  int bad = 0;
  for (int turn = 0; turn < 60; turn++) {
    pid_t child = must(fork());
    if (child == 0) {
      // No thread writes here: what the fork took must be a moment that existed, and stay.
      long first = pair[0][0], second = pair[1][0];
      for (int wait = 0; wait < 20; wait++) sched_yield();
      int stable = pair[0][0] == first && pair[1][0] == second;
      _exit(stable && (first == second || first == second + 1) ? 0 : 1);
    }
    int status = 0;
    must(waitpid(child, &status, 0));
    bad += status != 0;
  }
  stop = 1;
  pthread_join(thread, NULL);
  equal("children with an impossible memory", bad, 0);
  return finish();
}
