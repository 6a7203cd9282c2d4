// SPDX-License-Identifier: MIT
// CONTRACT: E8 E9
//
// Kernel threads as programs see them: kthreadd is process 2, child of nobody, and the others are
// its children; they have no command line, no program and no memory; signals do not reach them, and
// a thread that belongs to one CPU stays there.
#include "check.h"

#include <dirent.h>

static char text[65536];

static int is_number(const char* name) { return name[0] >= '1' && name[0] <= '9'; }

static long length_of(pid_t pid, const char* file) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
  return slurp(path, text, sizeof text);
}

static int has_program(pid_t pid) {
  char path[64], target[256];
  snprintf(path, sizeof path, "/proc/%d/exe", pid);
  return readlink(path, target, sizeof target) >= 0;
}

static int looks_like_a_kernel_thread(pid_t pid) {
  return length_of(pid, "cmdline") == 0 && length_of(pid, "maps") == 0 && !has_program(pid) &&
         stat_field(pid, 23) == 0;
}

// Every process is either a descendant of init or a kernel thread.
static void families(void) {
  int kernel_threads = 0, wrong = 0;
  DIR* listing = opendir("/proc");
  for (struct dirent* entry; (entry = readdir(listing)) != NULL;) {
    if (!is_number(entry->d_name)) continue;
    pid_t pid = atoi(entry->d_name);
    int of_the_kernel = pid == 2 || stat_field(pid, 4) == 2;
    kernel_threads += of_the_kernel;
    if (of_the_kernel == looks_like_a_kernel_thread(pid)) continue;
    ++wrong;
    say("process %d: parent %ld", pid, stat_field(pid, 4));
  }
  closedir(listing);
  ok("there are kernel threads", kernel_threads >= 2);
  equal("processes that look like what they are not", wrong, 0);
}

static pid_t bound_thread(void) {
  DIR* listing = opendir("/proc");
  pid_t found = 0;
  for (struct dirent* entry; (entry = readdir(listing)) != NULL && found == 0;) {
    if (is_number(entry->d_name) && length_of(atoi(entry->d_name), "comm") > 0 &&
        strcmp(text, "migration/1\n") == 0)
      found = atoi(entry->d_name);
  }
  closedir(listing);
  return found;
}

static void signals_do_not_reach(const char* label, pid_t pid) {
  static const int numbers[] = {SIGTERM, SIGSTOP, SIGKILL};
  for (int index = 0; index < 3; ++index) must(kill(pid, numbers[index]));
  for (int turn = 0; turn < 100; ++turn) sched_yield();
  equal(label, stat_field(pid, 3), 'S');
}

int main(void) {
  ok("kthreadd", length_of(2, "comm") > 0 && strcmp(text, "kthreadd\n") == 0);
  equal("is nobody's child", stat_field(2, 4), 0);
  equal("nor is init", stat_field(1, 4), 0);
  ok("ignores all signals",
     length_of(2, "status") > 0 && strstr(text, "SigIgn:\tffffffffffffffff\n") != NULL);
  families();
  signals_do_not_reach("kthreadd sleeps on", 2);
  pid_t bound = bound_thread();
  ok("a thread of CPU 1", bound > 0);
  signals_do_not_reach("it sleeps on", bound);
  equal("it is there", stat_field(bound, 39), 1);
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(0, &set);
  fails("and may not be moved", sched_setaffinity(bound, sizeof set, &set), EINVAL);
  return finish();
}
