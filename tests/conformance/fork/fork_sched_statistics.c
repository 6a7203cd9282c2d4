// SPDX-License-Identifier: MIT
// CONTRACT: C23 E63 E70
//
// What the scheduler has counted of the parent, in /proc/PID/schedstat and /proc/PID/sched, does not
// count for the child.
#include "check.h"

static char text[8192];

struct figures {
  double run_time;  // ms
  long turns, switches, migrations;
};

static double line_of(const char* name) {
  const char* line = strstr(text, name);
  return line == NULL ? -1 : atof(strchr(line, ':') + 1);
}

static struct figures own_figures(void) {
  struct figures figures;
  long long run_time = -1;
  must(slurp("/proc/self/schedstat", text, sizeof text));
  must(sscanf(text, "%lld %*d %ld", &run_time, &figures.turns) == 2 ? 0 : -1);
  must(slurp("/proc/self/sched", text, sizeof text));
  figures.run_time = line_of("\nse.sum_exec_runtime");
  figures.switches = (long)line_of("\nnr_switches");
  figures.migrations = (long)line_of("\nse.nr_migrations");
  ok("both files tell the same run time",
     figures.run_time >= (double)run_time / 1e6 && figures.run_time < (double)run_time / 1e6 + 50);
  return figures;
}

// So that it has run for a while and has slept often.
static void live(void) {
  struct timespec moment = {0, 100000};
  for (int turn = 0; turn < 300; turn++) nanosleep(&moment, NULL);  // some may be over at once
  while (now_ns(CLOCK_PROCESS_CPUTIME_ID) < 100 * 1000000LL) continue;
}

int main(void) {
  live();
  struct figures parent = own_figures();
  ok("the parent has run", parent.run_time >= 90);
  ok("and has been switched to", parent.switches >= 100 && parent.turns >= 100);
  pid_t child = must(fork());
  if (child == 0) {
    struct figures own = own_figures();
    ok("run time", own.run_time >= 0 && own.run_time < 50);
    ok("turns", own.turns < 50);
    ok("switches", own.switches >= 0 && own.switches < 50);
    ok("migrations", own.migrations >= 0 && own.migrations < 10);
    _exit(check_failures);
  }
  exits("child", child, 0);
  return finish();
}
