// SPDX-License-Identifier: MIT
// CONTRACT: B17
//
// Memory locks are not inherited.
#include "check.h"

static long locked_kib(void) {
  char text[8192];
  must(slurp("/proc/self/status", text, sizeof text));
  const char* line = strstr(text, "VmLck:");
  return line == NULL ? -1 : strtol(line + 6, NULL, 10);
}

int main(void) {
  char* memory = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must(mlock(memory, 16384));
  equal("locked in parent", locked_kib(), 16);
  pid_t child = must(fork());
  if (child == 0) {
    equal("not locked in child", locked_kib(), 0);
    _exit(check_failures);
  }
  exits("child", child, 0);
  equal("still locked in parent", locked_kib(), 16);
  must(munlock(memory, 16384));
  equal("unlocked", locked_kib(), 0);
  return finish();
}
