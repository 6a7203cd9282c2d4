// SPDX-License-Identifier: MIT
// CONTRACT: A5
//
// A thousand live children, all numbers different, each reaped exactly once.
#include "check.h"

enum { count = 1000 };
static pid_t children[count];

static int by_value(const void* left, const void* right) {
  return *(const pid_t*)left - *(const pid_t*)right;
}

int main(void) {
  struct gate hold = gate_make();
  for (int index = 0; index < count; index++) {
    children[index] = must(fork());
    if (children[index] == 0) {
      char byte;
      close(hold.ends[1]);
      _exit(read(hold.ends[0], &byte, 1) == 0 ? 3 : 4);
    }
  }
  close(hold.ends[1]);
  int reaped = 0, wrong = 0, status = 0;
  for (pid_t seen; (seen = wait(&status)) > 0; reaped++) wrong += status != 3 << 8;
  equal("all reaped", reaped, count);
  equal("all ended well", wrong, 0);
  ok("then ECHILD", errno == ECHILD);
  qsort(children, count, sizeof *children, by_value);
  int duplicates = 0;
  for (int index = 1; index < count; index++) duplicates += children[index] == children[index - 1];
  equal("no duplicate numbers", duplicates, 0);
  return finish();
}
