// SPDX-License-Identifier: MIT
// CONTRACT: D7
//
// Memory runs out: the largest process is killed, or the one that is marked, with all who run in
// its memory, and never one that is exempt; the others notice nothing, the memory comes back, and
// that over and over.
#include "check.h"

enum { page = 4096, mib = 1 << 20 };

static void mark(int value) {
  char text[16];
  int file = must(open("/proc/self/oom_score_adj", O_WRONLY));
  must(write(file, text, (size_t)snprintf(text, sizeof text, "%d", value)));
  must(close(file));
}
static long free_kib(void) {
  char text[8192];
  must(slurp("/proc/meminfo", text, sizeof text));
  return strtol(strstr(text, "MemFree:") + 8, NULL, 10);
}
static char* map(size_t size, int flags) {
  char* memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  must(memory != MAP_FAILED);
  return memory;
}
static void fill(char* memory, size_t size) {
  for (size_t at = 0; at < size; at += page) memory[at] = 1;
}
// Takes memory without end.
static _Noreturn void devour(void) {
  for (;;) fill(map(mib, MAP_PRIVATE), mib);
}
// A child that has `size` bytes, marked so, and waits for ever.
static pid_t holder(size_t size, int marked) {
  struct gate ready = gate_make();
  pid_t child = must(fork());
  if (child == 0) {
    mark(marked);
    fill(map(size, MAP_PRIVATE), size);
    gate_open(ready);
    for (;;) pause();
  }
  gate_wait(ready);
  return child;
}
static void dismiss(pid_t child) {
  must(kill(child, SIGKILL));
  must(waitpid(child, NULL, 0));
}

static void the_greedy_one(void) {
  long before = free_kib();
  for (int round = 0; round < 5; ++round) {
    pid_t child = must(fork());
    if (child == 0) devour();
    killed_by("who takes all", child, SIGKILL);
  }
  ok("the memory is back", before - free_kib() < 1024);
}

static void the_marked_one(void) {
  pid_t small = holder(2 * mib, 1000), exempt = holder(24 * mib, -1000);
  pid_t child = must(fork());
  if (child == 0) devour();
  killed_by("the marked one first", small, SIGKILL);
  killed_by("then the greedy one", child, SIGKILL);
  equal("not the exempt one", waitpid(exempt, NULL, WNOHANG), 0);
  char path[32], text[16];
  snprintf(path, sizeof path, "/proc/%d/oom_score", exempt);
  must(slurp(path, text, sizeof text));
  equal("its score", strtol(text, NULL, 10), 0);
  dismiss(exempt);
}

static _Noreturn int wait_for_ever(void* unused) {
  (void)unused;
  for (;;) pause();
}

// Two processes in one memory, by CLONE_VM.
static void who_share_memory(void) {
  static char stack[65536];
  struct gate ready = gate_make();
  int ends[2];
  must(pipe(ends));
  pid_t child = must(fork());
  if (child == 0) {
    fill(map(24 * mib, MAP_PRIVATE), 24 * mib);
    pid_t partner = must(clone_on_stack(CLONE_VM | CLONE_PARENT | SIGCHLD, stack + sizeof stack,
                                        wait_for_ever, NULL, NULL, NULL, NULL));
    must(write(ends[1], &partner, sizeof partner));
    mark(1000);
    gate_open(ready);
    for (;;) pause();
  }
  gate_wait(ready);
  pid_t partner;
  must(read(ends[0], &partner, sizeof partner));
  pid_t greedy = must(fork());
  if (greedy == 0) devour();
  killed_by("with shared memory", child, SIGKILL);
  killed_by("and its partner", partner, SIGKILL);
  killed_by("the next", greedy, SIGKILL);
}

// A read(2) into fresh memory, and a fork that shares all of it, run out as well.
static void in_system_calls(void) {
  pid_t child = must(fork());
  if (child == 0) {
    int zero = must(open("/dev/zero", O_RDONLY));
    for (;;) {
      char* memory = map(4 * mib, MAP_PRIVATE);
      if (read(zero, memory, 4 * mib) < 0) continue;
    }
  }
  killed_by("by read", child, SIGKILL);
  child = must(fork());
  if (child == 0) {
    char* memory = map(40 * mib, MAP_PRIVATE);
    fill(memory, 40 * mib);
    pid_t copy = must(fork());
    if (copy == 0) {
      mark(500);
      fill(memory, 40 * mib);
      devour();
    }
    killed_by("a copy", copy, SIGKILL);
    equal("ours is whole", memory[39 * mib], 1);
    _exit(check_failures);
  }
  exits("by copies", child, 0);
  child = must(fork());
  if (child == 0) {
    mark(1000);
    for (;;) {
      char* memory = map(2 * mib, MAP_PRIVATE);
      (void)mlock(memory, 2 * mib);
    }
  }
  killed_by("by mlock", child, SIGKILL);
  child = must(fork());
  if (child == 0) {
    mark(1000);
    for (;;) fill(map(2 * mib, MAP_SHARED), 2 * mib);
  }
  killed_by("by shared memory", child, SIGKILL);
}

// A task of the highest priority must let its victim die.
static void at_high_priority(void) {
  pid_t victim = holder(8 * mib, 1000);
  pid_t child = must(fork());
  if (child == 0) {
    struct sched_param parameter = {.sched_priority = 50};
    must(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &parameter));
    devour();
  }
  killed_by("its victim", victim, SIGKILL);
  killed_by("itself", child, SIGKILL);
}

int main(void) {
  mark(-1000);
  pid_t child = must(fork());  // children are not exempt
  if (child == 0) {
    mark(0);
    the_greedy_one();
    the_marked_one();
    who_share_memory();
    in_system_calls();
    at_high_priority();
    _exit(check_failures);
  }
  exits("all of it", child, 0);
  return finish();
}
