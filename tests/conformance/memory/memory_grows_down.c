// SPDX-License-Identifier: MIT
//
// Mappings that grow down: by how much, up to what, with which limit; PROT_GROWSDOWN; and the gap
// that stays free below a stack.
#include <sys/resource.h>

#include "check.h"

#ifndef PROT_GROWSDOWN
#define PROT_GROWSDOWN 0x01000000
#define PROT_GROWSUP 0x02000000
#endif
enum { page = 4096, pages = 1200 };
static const int both = PROT_READ | PROT_WRITE;

// A mapping of two pages that grows down, with free memory below it and nothing near.
static char* stack_in_a_hole(void) {
  char* hole = mmap(NULL, pages * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must(munmap(hole, pages * page));
  char* stack = mmap(hole + (pages - 2) * page, 2 * page, both,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
  must(stack != MAP_FAILED);
  return stack;
}
static int is_mapped(char* at) {
  unsigned char in;
  return mincore(at, page, &in) == 0;
}
static void dies(const char* label, char* at, int number) {
  pid_t child = must(fork());
  if (child == 0) {
    *(volatile char*)at = 1;
    _exit(0);
  }
  if (number) killed_by(label, child, number);
  else exits(label, child, 0);
}

static void growing(void) {
  char* stack = stack_in_a_hole();
  stack[-1] = 1;
  equal("a page more", is_mapped(stack - page), 1);
  equal("and no more", is_mapped(stack - 2 * page), 0);
  stack[-10 * page] = 1;
  equal("ten at once", is_mapped(stack - 10 * page) && is_mapped(stack - 5 * page), 1);
  must(munmap(stack - 10 * page, 12 * page));
  dies("gone", stack - page, SIGSEGV);
}

static void limit(void) {
  char* stack = stack_in_a_hole();
  struct rlimit before, small = {16 * page, 0};
  must(getrlimit(RLIMIT_STACK, &before));
  small.rlim_max = before.rlim_max;
  must(setrlimit(RLIMIT_STACK, &small));
  dies("to the limit", stack - 14 * page, 0);
  dies("beyond", stack - 15 * page, SIGSEGV);
  must(setrlimit(RLIMIT_STACK, &before));
  dies("as before", stack - 100 * page, 0);
  must(munmap(stack, 2 * page));
}

static void neighbours(void) {
  char* stack = stack_in_a_hole();
  char* below = mmap(stack - 400 * page, page, both, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  must(below != MAP_FAILED);
  dies("far from it", stack - 100 * page, 0);
  dies("to the gap", stack - 142 * page, 0);
  dies("into the gap", stack - 145 * page, SIGSEGV);
  must(mprotect(below, page, PROT_NONE));
  dies("none is needed to what has no rights", stack - 399 * page, 0);
  must(munmap(below, page));
  must(munmap(stack, 2 * page));
}

static void protection(void) {
  char* stack = stack_in_a_hole();
  stack[-4 * page] = 1;
  char* above = stack;
  equal("from its middle down", mprotect(above, page, PROT_READ | PROT_GROWSDOWN), 0);
  dies("the lowest too", stack - 4 * page, SIGSEGV);
  dies("not what is above", stack + page, 0);
  must(munmap(stack - 4 * page, 6 * page));
  char* plain = mmap(NULL, 2 * page, both, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  fails("does not grow", mprotect(plain, page, PROT_READ | PROT_GROWSDOWN), EINVAL);
  fails("up", mprotect(plain, page, PROT_READ | PROT_GROWSUP), EINVAL);
  fails("both", mprotect(plain, page, PROT_READ | PROT_GROWSDOWN | PROT_GROWSUP), EINVAL);
  fails("file", (long)mmap(NULL, page, PROT_READ, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0),
        EINVAL);
}

int main(void) {
  growing();
  limit();
  neighbours();
  protection();
  return finish();
}
