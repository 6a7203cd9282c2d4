// SPDX-License-Identifier: MIT
//
// A server that keeps a large hash table in memory and saves snapshots of it by fork, as Redis
// does: how long do requests take while a child walks the whole table? Static, with musl. `PROGRAM
// MODE`, MODE being what figures are called after: "instructions" (icount mode) or "ns".
//
// Requests (half of them reads, half writes; keys uniform, seeded) arrive every `interval`,
// whether the server is ready or not; a request's time runs from its arrival, so that whatever
// makes the server late is paid by all the requests that wait meanwhile. Ahead of its time, the
// server sleeps, and the child has the CPU. One request in the walk of a snapshot is late if fork
// is, one that writes pays for the copy of its page, all of them share the CPU with the child and
// its end. It is measured twice: with a child like any other, where the kernel's ideas of fairness
// between two tasks show most, and with a child of policy SCHED_IDLE, where it gives way at once,
// so that what fork, copies and exit cost is what is left.
//
// The child checks the sum of all values against what the parent knew when it forked: a snapshot
// that is not one ends the row by `bench-failed`, as does every call that fails.
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
  slot_bits = 24,  // of 64 bytes: 1 GiB
  words = 7,
  snapshots = 3,  // of each kind
  quiet_requests = 20000,
  rest_requests = 2000,  // between snapshots; not counted
  most_requests = 1000000,
};
static const uint64_t interval = 20000;  // nanoseconds, or instructions

struct slot {
  uint64_t key;
  uint64_t value[words];
};

static struct slot* table;
static const uint64_t slots = (uint64_t)1 << slot_bits;
static uint64_t sum;  // of every slot's value[0]
static uint64_t seed = 42;
static const char* unit;

static uint32_t times[most_requests];
static size_t timed;

static _Noreturn void fail(const char* what) {
  printf("bench-failed snapshot %s-%d\n", what, errno);
  fflush(stdout);
  _exit(1);
}

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void sleep_until(uint64_t when) {
  struct timespec time = {.tv_sec = (time_t)(when / 1000000000),
                          .tv_nsec = (long)(when % 1000000000)};
  if (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) != 0) fail("sleep");
}

static uint64_t random_number(void) {  // splitmix64
  uint64_t number = seed += 0x9e3779b97f4a7c15;
  number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9;
  number = (number ^ number >> 27) * 0x94d049bb133111eb;
  return number ^ number >> 31;
}

// Odd, so that it permutes the slots: neighbours in keys are far apart in memory.
static uint64_t place_of(uint64_t key) { return key * 0x9e3779b97f4a7c15 & (slots - 1); }

static struct slot* find(uint64_t key) {
  uint64_t place = place_of(key);
  while (table[place].key != key) place = (place + 1) & (slots - 1);
  return &table[place];
}

static void fill(void) {
  table =
      mmap(NULL, slots * sizeof *table, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (table == MAP_FAILED) fail("mmap");
  // As Redis's manual asks for. Fails on a kernel without huge pages, which then needs no telling.
  madvise(table, slots * sizeof *table, MADV_NOHUGEPAGE);
  // The inverse of place_of's factor, by Newton's method: slots are filled in order.
  const uint64_t factor = 0x9e3779b97f4a7c15;
  uint64_t inverse = factor;
  for (int step = 0; step < 5; ++step) inverse *= 2 - factor * inverse;
  for (uint64_t place = 0; place < slots; ++place) {
    table[place].key = place * inverse & (slots - 1);
    table[place].value[0] = 1;
  }
  sum = slots;
}

static volatile uint64_t answer;

static void serve(void) {
  const uint64_t dice = random_number();
  struct slot* slot = find(dice >> 8 & (slots - 1));
  if (dice & 1) {
    uint64_t all = 0;
    for (int i = 0; i < words; ++i) all += slot->value[i];
    answer = all;
  } else {
    sum += dice - slot->value[0];
    for (int i = 0; i < words; ++i) slot->value[i] = dice;
  }
}

static _Noreturn void save(int policy) {
  // The bare call: musl's sched_setscheduler only says ENOSYS.
  const struct sched_param nothing = {0};
  if (policy != SCHED_OTHER && syscall(SYS_sched_setscheduler, 0, policy, &nothing) != 0) _exit(2);
  uint64_t found = 0;
  uint64_t others = 0;
  for (uint64_t place = 0; place < slots; ++place) {
    found += table[place].value[0];
    for (int i = 1; i < words; ++i) others ^= table[place].value[i];
  }
  answer = others;
  _exit(found == sum ? 0 : 1);
}

// Serves until `child` has ended, or that many requests; `arrival` goes on from call to call.
static void serve_requests(uint64_t* arrival, pid_t child, size_t count, int counted) {
  for (size_t served = 0; child != 0 || served < count; ++served) {
    *arrival += interval;
    if (now() < *arrival) sleep_until(*arrival);
    serve();
    const uint64_t time = now() - *arrival;
    if (counted && timed < most_requests) {
      times[timed++] = time < UINT32_MAX ? (uint32_t)time : UINT32_MAX;
    }
    if (child == 0 || served % 16 != 0) continue;
    int status;
    const pid_t ended = waitpid(child, &status, WNOHANG);
    if (ended < 0) fail("wait");
    if (ended == 0) continue;
    if (status != 0) fail("snapshot-is-wrong");
    return;
  }
}

static int compare(const void* left, const void* right) {
  const uint32_t a = *(const uint32_t*)left;
  const uint32_t b = *(const uint32_t*)right;
  return (a > b) - (a < b);
}

static void report(const char* figure, uint64_t value) {
  printf("bench %s %llu.0 %s\n", figure, (unsigned long long)value, unit);
}

// The time that one in `one_in` requests exceeds.
static uint32_t exceeded_by(double one_in) {
  const size_t above = (size_t)((double)timed / one_in);
  return times[timed - 1 - (above < timed ? above : timed - 1)];
}

// Points of the curve: what part of all requests, one in so many, takes longer than what.
static void report_curve(const char* figure) {
  for (double one_in = 1; one_in <= (double)timed; one_in *= 1.2589254117941673) {
    printf("bench-point %s %.2f %u\n", figure, one_in, exceeded_by(one_in));
  }
  printf("bench-point %s %zu %u\n", figure, timed, times[timed - 1]);
}

struct figures {
  const char *fork_call, *p50, *p99, *p999, *max;
};

static void measure_snapshots(const struct figures* figures, int policy) {
  timed = 0;
  uint64_t worst_fork = 0;
  uint64_t arrival = now();
  for (int snapshot = 0; snapshot < snapshots; ++snapshot) {
    const uint64_t start = now();
    const pid_t child = fork();
    if (child == 0) save(policy);
    if (child < 0) fail("fork");
    const uint64_t forked = now() - start;
    if (forked > worst_fork) worst_fork = forked;
    serve_requests(&arrival, child, 0, 1);
    serve_requests(&arrival, 0, rest_requests, 0);
  }
  qsort(times, timed, sizeof *times, compare);
  report(figures->fork_call, worst_fork);
  report(figures->p50, exceeded_by(2));
  report(figures->p99, exceeded_by(100));
  report(figures->p999, exceeded_by(1000));
  report(figures->max, times[timed - 1]);
  report_curve(figures->max);
}

int main(int argument_count, char** arguments) {
  if (argument_count != 2) return 2;
  unit = arguments[1];
  // Linux lets an ordinary task oversleep by 50 microseconds, or the requests would wait for that.
  prctl(PR_SET_TIMERSLACK, 1);
  fill();
  uint64_t arrival = now();
  serve_requests(&arrival, 0, rest_requests, 0);
  serve_requests(&arrival, 0, quiet_requests, 1);
  qsort(times, timed, sizeof *times, compare);
  report("requests_quiet_p50", exceeded_by(2));
  report("requests_quiet_max", times[timed - 1]);
  report_curve("requests_quiet_max");
  const struct figures ordinary = {"snapshot_fork_call", "snapshot_p50", "snapshot_p99",
                                   "snapshot_p999", "snapshot_max"};
  const struct figures idle = {"snapshot_idle_fork_call", "snapshot_idle_p50", "snapshot_idle_p99",
                               "snapshot_idle_p999", "snapshot_idle_max"};
  measure_snapshots(&ordinary, SCHED_OTHER);
  measure_snapshots(&idle, SCHED_IDLE);
  fflush(stdout);
  return 0;
}
