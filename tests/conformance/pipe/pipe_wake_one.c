// SPDX-License-Identifier: MIT
// CONTRACT: B4
//
// Eight processes wait for one pipe: each byte wakes one of them, the one that has waited longest,
// and the others sleep on.
#include "check.h"

enum { readers = 8 };

static long switches_of(pid_t pid) {
  char path[64], text[4096];
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  must(slurp(path, text, sizeof text));
  const char* line = strstr(text, "\nvoluntary_ctxt_switches:\t");
  return line == NULL ? -1 : strtol(strchr(line, '\t'), NULL, 10);
}

int main(void) {
  int ends[2];
  must(pipe(ends));
  pid_t children[readers];
  long before[readers];
  for (int index = 0; index < readers; index++) {
    children[index] = must(fork());
    if (children[index] == 0) {
      char byte;
      _exit(read(ends[0], &byte, 1) == 1 ? 0 : 1);
    }
    wait_state(children[index], 'S');
    before[index] = switches_of(children[index]);
    ok("it has gone to sleep", before[index] > 0);
  }
  for (int turn = 0; turn < readers; turn++) {
    must(write(ends[1], "x", 1));
    int status = -1;
    pid_t woken = must(wait(&status));
    equal("the first one has it", woken == children[turn] && status == 0, 1);
    int disturbed = 0;
    for (int index = turn + 1; index < readers; index++)
      disturbed += switches_of(children[index]) != before[index];
    equal("others that were woken", disturbed, 0);
  }
  return finish();
}
