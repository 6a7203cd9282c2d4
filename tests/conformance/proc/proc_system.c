// SPDX-License-Identifier: MIT
// CONTRACT: B1 B7 issue-2
//
// /proc's system files: loadavg, slabinfo, stat's fork counter, meminfo, uptime, mounts, version, pid_max.
#include "check.h"

static char text[65536];

static long number_after(const char* path, const char* key) {
  must(slurp(path, text, sizeof text));
  const char* found = strstr(text, key);
  return found == NULL ? -1 : strtol(found + strlen(key), NULL, 10);
}

int main(void) {
  long before = number_after("/proc/stat", "\nprocesses ");
  for (int turn = 0; turn < 5; turn++) {
    pid_t child = must(fork());
    if (child == 0) _exit(0);
    must(waitpid(child, NULL, 0));
  }
  ok("processes counts forks", number_after("/proc/stat", "\nprocesses ") >= before + 5);
  ok("btime", number_after("/proc/stat", "\nbtime ") > 0);
  ok("cpu line", strncmp(text, "cpu  ", 5) == 0 && strstr(text, "\ncpu0 ") != NULL);
  ok("running", number_after("/proc/stat", "\nprocs_running ") >= 1);
  must(slurp("/proc/loadavg", text, sizeof text));
  double one, five, fifteen;
  int running, total, last;
  equal("loadavg",
        sscanf(text, "%lf %lf %lf %d/%d %d", &one, &five, &fifteen, &running, &total, &last), 6);
  ok("running of total", running >= 1 && total >= running && last > 0);
  ok("MemTotal", number_after("/proc/meminfo", "MemTotal:") > 1000);
  ok("MemFree", number_after("/proc/meminfo", "MemFree:") > 0);
  ok("MemAvailable", number_after("/proc/meminfo", "MemAvailable:") > 0);
  must(slurp("/proc/uptime", text, sizeof text));
  double uptime = atof(text);
  long long since_boot = now_ns(CLOCK_BOOTTIME) / 1000000;
  ok("uptime",
     uptime * 1000 <= (double)since_boot + 20 && uptime * 1000 >= (double)since_boot - 2000);
  // Only root may read it, and a kernel may be without.
  char cache[64];
  long live = 0, all = 0, size = 0, per_slab = 0, pages = 0;
  int can_read = slurp("/proc/slabinfo", text, sizeof text) > 0;
  ok("slabinfo's version",
     !can_read || strncmp(text, "slabinfo - version: 2.1\n# name ", 31) == 0);
  char* line = can_read ? strstr(text, "\nmm_struct ") : NULL;
  int fields = line == NULL ? 0
                            : sscanf(line, "%63s %ld %ld %ld %ld %ld : tunables", cache, &live,
                                     &all, &size, &per_slab, &pages);
  ok("slabinfo's line", !can_read || fields == 6);
  ok("slabinfo's figures",
     !can_read || (live > 0 && all >= live && size * per_slab <= pages * 4096));
  ok("mounts names /proc",
     slurp("/proc/mounts", text, sizeof text) > 0 && strstr(text, " /proc proc ") != NULL);
  ok("version", slurp("/proc/version", text, sizeof text) > 0 && text[strlen(text) - 1] == '\n');
  ok("pid_max", number_after("/proc/sys/kernel/pid_max", "") >= 32768);
  ok("threads-max", number_after("/proc/sys/kernel/threads-max", "") >= 20);
  ok("filesystems",
     slurp("/proc/filesystems", text, sizeof text) > 0 && strstr(text, "tmpfs") != NULL);
  return finish();
}
