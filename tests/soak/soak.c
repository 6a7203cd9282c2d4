// SPDX-License-Identifier: MIT
//
// soak SECONDS SEED: storms of everything that processes do, side by side, for so long.
//
// Each storm is a process that works in rounds until the time is over and counts its rounds in
// shared memory. The main process watches the counts: one that stands still for kPatience seconds
// means a stuck CPU or a lost wake-up. Afterwards the kernel's live counts (/proc/tine) must be what
// they were before. Prints `ok NAME` or `FAIL NAME: why` per check; the last line is `end: STATUS`.
// A kernel that panics never gets there, which the host's side notices.
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kPatience = 30, kSettle = 10, kMaxStorms = 16 };

struct shared {
  volatile int stop;
  _Atomic long rounds[kMaxStorms];
  _Atomic int faults[kMaxStorms];
};
static struct shared* shared;
static int self;  // the storm that this process is
static uint64_t random_state;
static const char* program;

static unsigned chance(unsigned bound) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (unsigned)(random_state >> 33) % bound;
}

static void expect(int good, const char* what) {
  if (good) return;
  if (shared->faults[self]++ == 0) printf("storm %d: %s (errno %d)\n", self, what, errno);
}

// A fork that waits out a moment of too many processes or too little memory.
static pid_t fork_patiently(void) {
  for (;;) {
    pid_t child = fork();
    if (child >= 0 || (errno != EAGAIN && errno != ENOMEM)) return child;
    usleep(1000);
  }
}

static void reap(pid_t child, int wanted) {
  int status = -1;
  pid_t found;
  while ((found = waitpid(child, &status, 0)) < 0 && errno == EINTR) continue;
  expect(found == child && status == wanted, "a child's status");
}

static void fork_storm(void) {
  pid_t children[16];
  int count = 1 + chance(16);
  for (int i = 0; i < count; i++) {
    children[i] = fork_patiently();
    if (children[i] == 0) {
      if (chance(4) == 0) {  // a grandchild, left to init
        if (fork() == 0) _exit(0);
      }
      _exit(i);
    }
  }
  for (int i = 0; i < count; i++) reap(children[i], i << 8);
}

static void exec_storm(void) {
  pid_t child = chance(2) ? fork_patiently() : vfork();
  if (child == 0) {
    execl(program, program, "leaf", (char*)NULL);
    _exit(99);
  }
  reap(child, 7 << 8);
}

static void* short_thread(void* counter) {
  __atomic_add_fetch((int*)counter, 1, __ATOMIC_SEQ_CST);
  return counter;
}

static void thread_storm(void) {
  pthread_t threads[24];
  int counter = 0, count = 1 + (int)chance(24), made = 0;
  while (made < count && pthread_create(&threads[made], NULL, short_thread, &counter) == 0) made++;
  for (int i = 0; i < made; i++) expect(pthread_join(threads[i], NULL) == 0, "join");
  expect(counter == made, "every thread has run");
}

static void* endless_thread(void* unused) {
  for (volatile long i = 0;; i++) continue;
  return unused;
}

// Threads that run in user mode when their process ends, from without or from within.
static void death_storm(void) {
  pid_t child = fork_patiently();
  if (child == 0) {
    pthread_t thread;
    for (int i = 0; i < 3; i++) pthread_create(&thread, NULL, endless_thread, NULL);
    if (chance(2)) _exit(3);
    pause();
    _exit(3);
  }
  usleep(chance(3000));
  kill(child, SIGKILL);
  int status;
  expect(waitpid(child, &status, 0) == child, "a killed process ends");
}

static volatile sig_atomic_t signals_seen;
static void count_signal(int number) { signals_seen += number != 0; }

static void signal_storm(void) {
  pid_t parent = getpid(), child = fork_patiently();
  if (child == 0) {
    for (int i = 0; i < 50; i++) kill(parent, i % 2 ? SIGUSR1 : SIGRTMIN);
    _exit(0);
  }
  for (int i = 0; i < 50; i++) kill(child, SIGUSR2);
  reap(child, 0);
}

static void* remapper(void* area) {
  char* pages = area;
  for (int i = 0; i < 20; i++) {
    mprotect(pages, 4 * 4096, i % 2 ? PROT_READ | PROT_WRITE : PROT_READ);
    char* fresh = mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fresh == MAP_FAILED) continue;
    memset(fresh, i, 8 * 4096);
    munmap(fresh, 8 * 4096);
  }
  mprotect(pages, 4 * 4096, PROT_READ | PROT_WRITE);
  return NULL;
}

// One thread changes mappings while another forks; what the fork shows must be consistent.
static void memory_storm(void) {
  enum { kPages = 16 };
  char* pages =
      mmap(NULL, kPages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return;
  for (int i = 0; i < kPages; i++) pages[i * 4096] = (char)(i + 1);
  pthread_t thread;
  int made = pthread_create(&thread, NULL, remapper, pages) == 0;
  for (int turn = 0; turn < 4; turn++) {
    pid_t child = fork_patiently();
    if (child == 0) {
      int wrong = 0;
      for (int i = 0; i < kPages; i++) wrong += pages[i * 4096] != (char)(i + 1);
      for (int i = 4; i < kPages; i++) pages[i * 4096] = 77;
      _exit(wrong);
    }
    reap(child, 0);
  }
  if (made) pthread_join(thread, NULL);
  for (int i = 0; i < kPages; i++) expect(pages[i * 4096] == i + 1, "a child's write stays its own");
  munmap(pages, kPages * 4096);
}

static void pipe_storm(void) {
  enum { kStages = 4 };
  int first[2], input, ends[2];
  if (pipe(first) != 0) return;
  input = first[0];
  pid_t children[kStages];
  for (int i = 0; i < kStages; i++) {
    if (pipe(ends) != 0) return;
    children[i] = fork_patiently();
    if (children[i] == 0) {
      close(first[1]);
      close(ends[0]);
      char buffer[512];
      ssize_t length;
      while ((length = read(input, buffer, sizeof buffer)) > 0) {
        if (write(ends[1], buffer, (size_t)length) != length) _exit(1);
      }
      _exit(0);
    }
    close(input);
    close(ends[1]);
    input = ends[0];
  }
  int sent = 0, received = 0;
  char byte;
  for (; sent < 40; sent++) {
    if (write(first[1], &(char){(char)sent}, 1) != 1) break;
    if (read(input, &byte, 1) == 1 && byte == sent) received++;
  }
  expect(received == sent, "what goes through the pipeline comes out of it");
  close(first[1]);
  for (int i = 0; i < kStages; i++) reap(children[i], 0);
  close(input);
}

static const struct storm {
  const char* name;
  void (*round)(void);
} storms[] = {{"fork", fork_storm},     {"exec", exec_storm},     {"thread", thread_storm},
              {"death", death_storm},   {"signal", signal_storm}, {"memory", memory_storm},
              {"pipe", pipe_storm},     {"fork2", fork_storm},    {"memory2", memory_storm}};
enum { kStorms = sizeof storms / sizeof *storms };

static void run_storm(int index, uint64_t seed) {
  self = index;
  random_state = seed * 0x9e3779b97f4a7c15u + (uint64_t)index + 1;
  struct sigaction action = {.sa_handler = count_signal, .sa_flags = SA_RESTART};
  sigaction(SIGUSR1, &action, NULL);
  sigaction(SIGUSR2, &action, NULL);
  sigaction(SIGRTMIN, &action, NULL);
  while (!shared->stop) {
    storms[index].round();
    shared->rounds[index]++;
  }
  _exit(shared->faults[index] != 0);
}

struct counts {
  char name[32];
  long value;
};

// But for the depth of stacks, which is no count and may only grow.
static int read_counts(struct counts* counts, int capacity) {
  FILE* file = fopen("/proc/tine", "r");
  int found = 0;
  if (file == NULL) return 0;
  while (found < capacity &&
         fscanf(file, "%31s %ld", counts[found].name, &counts[found].value) == 2)
    if (strcmp(counts[found].name, "kernel_stack_deepest") != 0) found++;
  fclose(file);
  return found;
}

static int report(const char* name, int good, const char* why) {
  if (good) printf("ok %s\n", name);
  else printf("FAIL %s: %s\n", name, why);
  return !good;
}

// The counts settle a moment after the last process has gone: its last switch frees it.
static int check_leaks(const struct counts* before, int known) {
  struct counts after[16];
  int grown = 0;
  for (int tries = 0; tries < kSettle * 10; tries++) {
    int found = read_counts(after, 16);
    grown = found != known;
    for (int i = 0; i < known && !grown; i++) grown = after[i].value > before[i].value;
    if (!grown) break;
    usleep(100000);
  }
  for (int i = 0; i < known && grown; i++)
    printf("%s: %ld before, %ld after\n", before[i].name, before[i].value, after[i].value);
  return report("live counts are back", !grown, "something leaked");
}

// The storms' progress until the time is over; the number of those that stood still.
static int watch(const pid_t* children, int seconds) {
  long seen[kStorms] = {0};
  int still[kStorms] = {0}, stuck = 0;
  // By the clock: on a busy host each second of sleep lasts longer.
  for (time_t end = time(NULL) + seconds; time(NULL) < end && !stuck;) {
    sleep(1);
    for (int i = 0; i < kStorms; i++) {
      long now = shared->rounds[i];
      still[i] = now == seen[i] ? still[i] + 1 : 0;
      seen[i] = now;
      if (still[i] >= kPatience) {
        printf("storm %s stands still after %ld rounds\n", storms[i].name, now);
        stuck++;
      }
    }
  }
  shared->stop = 1;
  for (int i = 0; i < kStorms && stuck; i++) kill(children[i], SIGKILL);
  return stuck;
}

// All storms for so long; the number of failed checks.
static int run_all(int seconds, uint64_t seed, int is_told) {
  pid_t children[kStorms];
  shared->stop = 0;
  for (int i = 0; i < kStorms; i++) {
    children[i] = fork();
    if (children[i] == 0) run_storm(i, seed);
  }
  int failures = watch(children, seconds);
  if (is_told) report("nobody stands still", failures == 0, "see above");
  for (int i = 0; i < kStorms; i++) {
    int status = -1;
    waitpid(children[i], &status, 0);
    if (!is_told) continue;
    failures += report(storms[i].name, status == 0, "see above");
    printf("%s: %ld rounds\n", storms[i].name, shared->rounds[i]);
  }
  return failures;
}

static int soak(int seconds, uint64_t seed) {
  struct counts before[16];
  run_all(1, seed, 0);  // whatever is made once, at the first use, is made here
  sleep(3);            // whoever sleeps anyway has his page tables folded by now, before and after
  int known = read_counts(before, 16);
  int failures = run_all(seconds, seed, 1);
  if (known != 0) failures += check_leaks(before, known);
  printf("end: %d\n", failures != 0);
  return failures != 0;
}

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "leaf") == 0) return 7;
  if (argc != 3) return 2;
  program = argv[0];
  setvbuf(stdout, NULL, _IONBF, 0);
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 2;
  return soak(atoi(argv[1]), strtoull(argv[2], NULL, 10));
}
