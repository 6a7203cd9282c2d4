// SPDX-License-Identifier: MIT
// CONTRACT: E89
//
// cpus COUNT: a machine with that many CPUs. All are named by /proc and the affinity mask, a thread
// can be bound to each and runs nowhere else, one thread can visit them all, and storms of
// processes with mappings and children, and of threads, on all of them at once end as they should.
#include "check.h"

#include <pthread.h>
#include <sys/sysinfo.h>

enum { most_cpus = 64, page = 4096, mapping = 8 * page };

static int cpu_count, rounds;
static pthread_barrier_t all_bound;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long counted;

static int bind_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return sched_setaffinity(0, sizeof set, &set);
}

static int lines_with(const char* path, const char* form) {
  static char text[1 << 17];
  must(slurp(path, text, sizeof text));
  int count = 0, number = 0;
  for (const char* line = text; line && *line;) {
    if (sscanf(line, form, &number) == 1 && number == count) ++count;
    line = strchr(line, '\n');
    if (line) ++line;
  }
  return count;
}

static void what_proc_says(void) {
  equal("processors in /proc/cpuinfo", lines_with("/proc/cpuinfo", "processor : %d"), cpu_count);
  equal("processors in /proc/stat", lines_with("/proc/stat", "cpu%d "), cpu_count);
  equal("get_nprocs", get_nprocs(), cpu_count);
  cpu_set_t set;
  must(sched_getaffinity(0, sizeof set, &set));
  equal("bits of the affinity mask", CPU_COUNT(&set), cpu_count);
  fails("beyond the last one", bind_to(cpu_count), EINVAL);
}

static void visit_all(void) {
  int elsewhere = 0;
  for (int cpu = cpu_count; cpu-- > 0;) {
    must(bind_to(cpu));
    int seen = sched_getcpu();
    if (seen == cpu) continue;
    unsigned later = 0;
    must(syscall(SYS_getcpu, &later, NULL, NULL));
    say("bound to %d, seen on %d, a system call later on %u", cpu, seen, later);
    ++elsewhere;
  }
  equal("visits that ended on another CPU", elsewhere, 0);
}

// Each round on its own CPU, in memory of its own: a child and mappings that come and go.
static _Noreturn void process_on(int cpu) {
  must(bind_to(cpu));
  int wrong = 0;
  for (int round = 0; round < rounds; ++round) {
    char* memory = mmap(NULL, mapping, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(memory == MAP_FAILED ? -1 : 0);
    for (int at = 0; at < mapping; at += page) memory[at] = (char)cpu;
    pid_t child = must(fork());
    if (child == 0) _exit(sched_getcpu() == cpu && memory[page] == (char)cpu ? 0 : 1);
    must(mprotect(memory, mapping / 2, PROT_READ));
    for (int at = 0; at < mapping; at += page) wrong += memory[at] != (char)cpu;
    must(munmap(memory, mapping));
    int status = -1;
    must(waitpid(child, &status, 0));
    wrong += (status != 0) + (sched_getcpu() != cpu);
  }
  _exit(wrong != 0);
}

static void processes_on_all(void) {
  pid_t children[most_cpus];
  int wrong = 0;
  for (int cpu = 0; cpu < cpu_count; ++cpu) {
    children[cpu] = must(fork());
    if (children[cpu] == 0) process_on(cpu);
  }
  for (int cpu = 0; cpu < cpu_count; ++cpu) {
    int status = -1;
    must(waitpid(children[cpu], &status, 0));
    wrong += status != 0;
  }
  equal("CPUs on which processes went wrong", wrong, 0);
}

static void* count_up(void* counter) {
  pthread_mutex_lock(&lock);
  ++*(long*)counter;
  pthread_mutex_unlock(&lock);
  return counter;
}

// Threads start and join threads, on stacks that stay: what one of them unmaps all CPUs are told,
// which on a host with few of its own takes a while. The last one does that, once.
static void* thread_on(void* argument) {
  static char stacks[most_cpus][16 * page] __attribute__((aligned(page)));
  int cpu = (int)(intptr_t)argument;
  must(bind_to(cpu));
  pthread_attr_t on_stack;
  pthread_attr_init(&on_stack);
  pthread_attr_setstack(&on_stack, stacks[cpu], sizeof stacks[cpu]);
  pthread_barrier_wait(&all_bound);
  for (int round = 0; round < rounds; ++round) {
    pthread_t thread;
    must(pthread_create(&thread, &on_stack, count_up, &counted) == 0 ? 0 : -1);
    must(pthread_join(thread, NULL) == 0 ? 0 : -1);
  }
  if (cpu == cpu_count - 1) {
    char* all = mmap(NULL, mapping, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(all == MAP_FAILED ? -1 : 0);
    memset(all, 1, mapping);
    must(munmap(all, mapping));
  }
  return (void*)(intptr_t)(sched_getcpu() != cpu);
}

static void threads_on_all(void) {
  pthread_t threads[most_cpus];
  must(pthread_barrier_init(&all_bound, NULL, (unsigned)cpu_count) == 0 ? 0 : -1);
  for (int cpu = 0; cpu < cpu_count; ++cpu) {
    must(pthread_create(&threads[cpu], NULL, thread_on, (void*)(intptr_t)cpu) == 0 ? 0 : -1);
  }
  long elsewhere = 0;
  for (int cpu = 0; cpu < cpu_count; ++cpu) {
    void* result = NULL;
    must(pthread_join(threads[cpu], &result) == 0 ? 0 : -1);
    elsewhere += (intptr_t)result;
  }
  equal("threads that ended on another CPU", elsewhere, 0);
  equal("threads that they started", counted, (long)cpu_count * rounds);
}

int main(int argc, char** argv) {
  cpu_count = argc == 2 ? atoi(argv[1]) : 0;
  must(cpu_count >= 1 && cpu_count <= most_cpus ? 0 : -1);
  rounds = 1 + 16 / cpu_count;  // a host with few CPUs takes long to let many take turns
  what_proc_says();
  processes_on_all();
  threads_on_all();
  visit_all();
  return finish();
}
