// SPDX-License-Identifier: MIT
// CONTRACT: issue-4
//
// Memory that may have huge pages: whatever is done to a part of it, and by whichever of the
// processes that share it since a fork, is seen nowhere else.
#include "check.h"

#include <setjmp.h>
#include <sys/prctl.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

enum { huge = 2 << 20, page = 4096, pages = huge / page };

static sigjmp_buf back;
static void on_fault(int number) {
  (void)number;
  siglongjmp(back, 1);
}
static int can_write(volatile char* at) {
  if (sigsetjmp(back, 1) != 0) return 0;
  *at = *at;
  return 1;
}

// `count` windows at a border of 2 MiB that may have huge pages, each page with its number in it.
static unsigned* filled(unsigned count) {
  size_t bytes = (size_t)count * huge;
  char* mapped =
      mmap(NULL, bytes + huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must(mapped == MAP_FAILED ? -1 : 0);
  char* start = (char*)(((uintptr_t)mapped + huge - 1) & ~(uintptr_t)(huge - 1));
  must(madvise(start, bytes, MADV_HUGEPAGE));
  for (unsigned i = 0; i < count * pages; ++i) *(unsigned*)(start + (size_t)i * page) = i + 1;
  return (unsigned*)start;
}
static unsigned* word(unsigned* start, unsigned number) {
  return start + (size_t)number * page / 4;
}

// How many of pages [first, end) do not hold their number.
static int wrong(unsigned* start, unsigned first, unsigned end) {
  int count = 0;
  for (unsigned i = first; i < end; ++i) count += *word(start, i) != i + 1;
  return count;
}

static void share(void) {
  unsigned* start = filled(2);
  struct gate gate = gate_make();
  pid_t child = must(fork());
  if (child == 0) {
    gate_wait(gate);
    equal("the child's are as they were at the fork", wrong(start, 0, 2 * pages), 0);
    for (unsigned i = 0; i < 2 * pages; ++i) *word(start, i) = 0;
    pid_t grandchild = must(fork());
    if (grandchild == 0) {
      for (unsigned i = 0; i < 2 * pages; ++i) *word(start, i) += 1;
      _exit(*word(start, 700));
    }
    exits("a grandchild has its own", grandchild, 1);
    equal("and not the child's", *word(start, 700), 0);
    _exit(check_failures);
  }
  *word(start, 5) = 77;
  gate_open(gate);
  exits("child", child, 0);
  equal("the parent's write", *word(start, 5), 77);
  *word(start, 5) = 6;
  equal("the rest of the parent's", wrong(start, 0, 2 * pages), 0);
}

static void cut(void) {
  unsigned* start = filled(3);
  char* bytes = (char*)start;
  pid_t child = must(fork());
  if (child == 0) {
    must(munmap(bytes + 100 * page, 3 * page));
    must(madvise(bytes + 200 * page, 2 * page, MADV_DONTNEED));
    must(mprotect(bytes + 300 * page, page, PROT_READ));
    ok("a hole", !can_write(bytes + 101 * page));
    equal("discarded pages are zero", *word(start, 200) + *word(start, 201), 0);
    ok("no right to write", !can_write(bytes + 300 * page));
    ok("the next has it", can_write(bytes + 301 * page));
    equal("what is left", wrong(start, 0, 100) + wrong(start, 103, 200) + wrong(start, 202, pages),
          0);
    must(mprotect(bytes + huge, huge, PROT_NONE));
    ok("no rights at all", !can_write(bytes + huge));
    must(mprotect(bytes + huge, huge, PROT_READ | PROT_WRITE));
    equal("they come back with the contents", wrong(start, pages, 3 * pages), 0);
    _exit(check_failures);
  }
  exits("child", child, 0);
  equal("the parent's are whole", wrong(start, 0, 3 * pages), 0);
  char* moved = mremap(bytes + huge, huge, huge, MREMAP_MAYMOVE | MREMAP_FIXED, bytes + page);
  ok("moving onto itself is refused", moved == MAP_FAILED && errno == EINVAL);
  char* place = mmap(NULL, 2 * huge, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  moved = mremap(bytes + huge, huge, huge, MREMAP_MAYMOVE | MREMAP_FIXED, place + page);
  ok("moved by a part", moved == place + page);
  equal("with the contents", wrong((unsigned*)(moved - huge), pages, 2 * pages), 0);
}

static void read_and_written(void) {
  unsigned* start = filled(1);
  int ends[2];
  must(pipe(ends));
  pid_t child = must(fork());
  if (child == 0) {
    must(read(ends[0], word(start, 9), sizeof(int)));
    _exit(*word(start, 9) == 34 ? 0 : 1);
  }
  equal("written by the kernel from one", write(ends[1], word(start, 33), sizeof(int)),
        sizeof(int));
  exits("read by the kernel into one that is shared", child, 0);
  equal("the parent's", wrong(start, 0, pages), 0);
  unsigned char resident[3];
  must(mincore((char*)start + huge - 2 * page, 2 * page, resident));
  equal("resident", (resident[0] & 1) + (resident[1] & 1), 2);
}

static void gathered(void) {
  unsigned* start = filled(1);
  must(madvise(start, huge, MADV_NOHUGEPAGE));
  must(madvise(start, page, MADV_DONTNEED));
  must(madvise(start, huge, MADV_HUGEPAGE));
  equal("collapsing", madvise(start, huge, MADV_COLLAPSE), 0);
  equal("again", madvise(start, huge, MADV_COLLAPSE), 0);
  fails("less than one", madvise((char*)start + page, page, MADV_COLLAPSE), EINVAL);
  equal("a page that was not there", *start, 0);
  equal("the others", wrong(start, 1, pages), 0);
  char* file = mmap(NULL, huge, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must(munmap(file, huge));
  fails("nothing mapped", madvise(file, huge, MADV_COLLAPSE), ENOMEM);
}

static void switched_off(void) {
  equal("on at first", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 0);
  fails("arguments that must be 0", prctl(PR_GET_THP_DISABLE, 1, 0, 0, 0), EINVAL);
  must(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
  equal("off", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 1);
  pid_t child = must(fork());
  if (child == 0) _exit((int)prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
  exits("a child inherits it", child, 1);
  must(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0));
  equal("on again", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 0);
}

int main(void) {
  must(signal(SIGSEGV, on_fault) == SIG_ERR ? -1 : 0);
  share();
  cut();
  read_and_written();
  gathered();
  switched_off();
  return finish();
}
