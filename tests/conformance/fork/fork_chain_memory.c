// SPDX-License-Identifier: MIT
// CONTRACT: A26 A33
//
// Sixteen generations, each with its own version of a page: no write leaks up or down.
#include "check.h"

enum { generations = 16, pages = 64 };
static volatile int cells[pages][1024];

static void descend(int depth) {
  for (int page = 0; page < pages; page++) cells[page][depth] = depth * 1000 + page;
  if (depth < generations - 1) {
    pid_t child = must(fork());
    if (child == 0) {
      descend(depth + 1);
      _exit(check_failures);
    }
    int status = 0;
    must(waitpid(child, &status, 0));
    if (status != 0) check_failures++;
  }
  for (int level = 0; level < generations; level++) {
    for (int page = 0; page < pages; page++) {
      int want = level <= depth ? level * 1000 + page : 0;
      if (cells[page][level] != want) check_failures++;
    }
  }
}

int main(void) {
  descend(0);
  equal("all generations saw their own memory", check_failures, 0);
  return finish();
}
