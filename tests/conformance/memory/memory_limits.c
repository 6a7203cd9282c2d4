// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// RLIMIT_AS and RLIMIT_STACK: mappings beyond are refused, the stack grows to its limit and no
// further.
#include <sys/resource.h>

#include "check.h"

#pragma GCC diagnostic ignored "-Winfinite-recursion"
static int __attribute__((noinline)) use(int depth, int most) {
  volatile char frame[4096];
  frame[0] = (char)depth;
  return depth == most ? 0 : use(depth + 1, most) + frame[0] * 0;
}

int main(void) {
  pid_t child = must(fork());
  if (child == 0) _exit(use(0, 1500));
  exits("six MiB of stack", child, 0);
  struct rlimit limit = {1 << 20, 8 << 20};
  must(setrlimit(RLIMIT_STACK, &limit));
  child = must(fork());
  if (child == 0) _exit(use(0, 1500));
  killed_by("with a limit of one", child, SIGSEGV);
  struct rlimit space = {64 << 20, 64 << 20};
  must(setrlimit(RLIMIT_AS, &space));
  fails("mapping beyond RLIMIT_AS",
        mmap(NULL, 128 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
  ok("a small one is fine",
     mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
  return finish();
}
