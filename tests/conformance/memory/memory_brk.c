// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// brk grows, shrinks, zeroes what it gives again, and stays put when refused.
#include <sys/resource.h>

#include "check.h"

static char* brk_to(char* at) { return (char*)syscall(SYS_brk, at); }

int main(void) {
  char* start = brk_to(NULL);
  ok("has a start", start != NULL);
  char* top = brk_to(start + 1000000);
  ok("grows", top == start + 1000000);
  memset(start, 7, 1000000);
  ok("shrinks", brk_to(start + 4096) == start + 4096);
  ok("grows again", brk_to(start + 1000000) == start + 1000000);
  equal("zeroed", start[900000], 0);
  ok("below the start is refused", brk_to((char*)4096) == start + 1000000);
  ok("absurd is refused", brk_to((char*)0x7ffffffff000) == start + 1000000);
  pid_t child = must(fork());
  if (child == 0) {
    ok("inherited", brk_to(NULL) == start + 1000000);
    ok("private", brk_to(start) == start);
    _exit(check_failures);
  }
  exits("child", child, 0);
  start[999999] = 1;
  ok("parent's unchanged", brk_to(NULL) == start + 1000000);
  struct rlimit limit = {4096, 4096};
  must(setrlimit(RLIMIT_DATA, &limit));
  ok("RLIMIT_DATA", brk_to(start + 2000000) == start + 1000000);
  return finish();
}
