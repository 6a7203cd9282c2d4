// SPDX-License-Identifier: MIT
// CONTRACT: A31 G11
//
// Threads write to memory all the time while their process forks: the child's copy stands still from
// the moment of the fork on, and what the child writes never shows in the parent. Small and large
// areas, so that both sides copy page tables at the same time.
#include <pthread.h>
#include <stdatomic.h>

#include "check.h"

enum { kWriters = 3, kPages = 700, kRounds = 12, kPageBytes = 4096 };
static unsigned char* area;
static atomic_int stop;
static atomic_ulong written;

static void* writer(void* which) {
  uintptr_t step = 1 + 2 * (uintptr_t)which;
  for (uint64_t i = (uintptr_t)which; !atomic_load_explicit(&stop, memory_order_relaxed);
       i += step) {
    *(volatile uint64_t*)(area + i % kPages * kPageBytes + 8 * (uintptr_t)which) = i;
    atomic_fetch_add_explicit(&written, 1, memory_order_relaxed);
  }
  return NULL;
}

static uint64_t sum(void) {
  uint64_t total = 0;
  for (size_t page = 0; page < kPages; ++page) {
    const uint64_t* words = (const uint64_t*)(area + page * kPageBytes);
    for (int i = 0; i < kWriters; ++i) total = total * 31 + words[i];
  }
  return total;
}

static int child(int round) {
  uint64_t first = sum();
  for (int i = 0; i < 5; ++i) {
    sched_yield();
    if (sum() != first) return 1;
  }
  // The last word of a page is nobody's in the parent.
  for (size_t page = (size_t)round; page < kPages; page += 3) area[page * kPageBytes + 4095] = 0xee;
  for (size_t page = (size_t)round; page < kPages; page += 3) {
    if (area[page * kPageBytes + 4095] != 0xee) return 2;
  }
  return sum() == first ? 0 : 3;
}

int main(void) {
  area = mmap(NULL, (size_t)kPages * kPageBytes, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must(area == MAP_FAILED ? -1 : 0);
  pthread_t threads[kWriters];
  for (uintptr_t i = 0; i < kWriters; ++i) {
    must(-pthread_create(&threads[i], NULL, writer, (void*)i));
  }
  while (atomic_load(&written) < 1000) sched_yield();
  int wrong = 0;
  for (int round = 0; round < kRounds; ++round) {
    pid_t pids[2];
    for (int i = 0; i < 2; ++i) {
      pids[i] = must(fork());
      if (pids[i] == 0) _exit(child(round));
    }
    for (int i = 0; i < 2; ++i) {
      int status;
      must(waitpid(pids[i], &status, 0));
      wrong += status != 0;
    }
  }
  atomic_store(&stop, 1);
  for (int i = 0; i < kWriters; ++i) must(-pthread_join(threads[i], NULL));
  equal("children whose memory changed", wrong, 0);
  int leaked = 0;
  for (size_t page = 0; page < kPages; ++page) leaked += area[page * kPageBytes + 4095] != 0;
  equal("bytes of children in the parent", leaked, 0);
  return finish();
}
