// SPDX-License-Identifier: MIT
// CONTRACT: B1 B51 E62 E91
//
// What /proc says of the system as a whole, to the last one, in a guest where nobody else runs:
// forks, tasks, the last number, who can run, and the memory of kernel stacks.
#include "check.h"

enum { sleepers = 50, hogs = 3 };

static char text[65536];

static long number_after(const char* path, const char* key) {
  must(slurp(path, text, sizeof text));
  const char* found = strstr(text, key);
  return found == NULL ? -1 : strtol(found + strlen(key), NULL, 10);
}

struct load {
  int running, total, last;
};

static struct load load_now(void) {
  struct load load = {0};
  must(slurp("/proc/loadavg", text, sizeof text));
  must(sscanf(text, "%*f %*f %*f %d/%d %d", &load.running, &load.total, &load.last) == 3 ? 0 : -1);
  return load;
}

static long forks(void) { return number_after("/proc/stat", "\nprocesses "); }
static long stack_kib(void) { return number_after("/proc/meminfo", "KernelStack:"); }

// What the dead held is given back a moment after they have been waited for.
static int falls_back_to(long (*figure)(void), long most) {
  for (int turn = 0; turn < 200; ++turn) {
    if (figure() <= most) return 1;
    usleep(10000);
  }
  return 0;
}

static long total_tasks(void) { return load_now().total; }

static void children_that_sleep(void) {
  pid_t children[sleepers];
  struct gate gate = gate_make();
  struct load before = load_now();
  long forks_before = forks(), stacks_before = stack_kib();
  for (int index = 0; index < sleepers; ++index) {
    children[index] = must(fork());
    if (children[index] == 0) {
      gate_wait(gate);
      _exit(0);
    }
  }
  struct load during = load_now();
  equal("forks", forks() - forks_before, sleepers);
  equal("tasks", during.total - before.total, sleepers);
  equal("last number", during.last, children[sleepers - 1]);
  long stacks = stack_kib() - stacks_before;
  ok("each has a kernel stack", stacks >= sleepers * 4 && stacks <= sleepers * 32);
  for (int index = 0; index < sleepers; ++index) gate_open(gate);
  for (int index = 0; index < sleepers; ++index) must(waitpid(children[index], NULL, 0));
  ok("which it gives back", falls_back_to(stack_kib, stacks_before));
  ok("tasks are gone", falls_back_to(total_tasks, before.total));
}

static long running_now(void) { return number_after("/proc/stat", "\nprocs_running "); }
static long running_by_loadavg(void) { return load_now().running; }

// Threads of the kernel run for a moment, too.
static int settles_at(long (*figure)(void), long expected) {
  return figure() >= expected && falls_back_to(figure, expected);
}

static void children_that_run(void) {
  pid_t children[hogs];
  for (int index = 0; index < hogs; ++index) {
    children[index] = must(fork());
    if (children[index] == 0) {
      for (volatile int spinning = 1; spinning;) continue;
    }
  }
  ok("who can run", settles_at(running_now, hogs + 1));
  ok("as in loadavg", settles_at(running_by_loadavg, hogs + 1));
  for (int index = 0; index < hogs; ++index) must(kill(children[index], SIGKILL));
  for (int index = 0; index < hogs; ++index) killed_by("hog", children[index], SIGKILL);
  ok("this one alone", settles_at(running_now, 1));
}

static void limit_of_the_system(void) {
  long limit = number_after("/proc/sys/kernel/threads-max", "");
  char lowest[16];
  int length = snprintf(lowest, sizeof lowest, "%d\n", load_now().total);
  int file = must(open("/proc/sys/kernel/threads-max", O_WRONLY));
  must(pwrite(file, lowest, (size_t)length, 0));
  long before = forks();
  fails("no task beyond threads-max", fork(), EAGAIN);
  equal("a failure is no fork", forks() - before, 0);
  char back[16];
  length = snprintf(back, sizeof back, "%ld\n", limit);
  must(pwrite(file, back, (size_t)length, 0));
  pid_t child = must(fork());
  if (child == 0) _exit(0);
  exits("with the old limit", child, 0);
}

int main(void) {
  children_that_sleep();
  children_that_run();
  limit_of_the_system();
  return finish();
}
