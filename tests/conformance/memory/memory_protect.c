// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// mprotect splits and joins mappings, faults where it must, refuses holes and bad arguments.
#include <setjmp.h>

#include "check.h"

static sigjmp_buf back;
static volatile int code;
static void on_fault(int number, siginfo_t* info, void* context) {
  (void)number, (void)context;
  code = info->si_code;
  siglongjmp(back, 1);
}

// 0 for no fault, else si_code.
static int probe(volatile char* at, int writing) {
  code = 0;
  if (sigsetjmp(back, 1) == 0) {
    if (writing) {
      *at = 5;
    } else {
      (void)*at;
    }
  }
  return code;
}

static int count_lines(uintptr_t from, uintptr_t to) {
  static char maps[65536];
  must(slurp("/proc/self/maps", maps, sizeof maps));
  int count = 0;
  for (char* line = strtok(maps, "\n"); line != NULL; line = strtok(NULL, "\n")) {
    unsigned long start = strtoul(line, NULL, 16);
    count += start >= from && start < to;
  }
  return count;
}

int main(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO;
  must(sigaction(SIGSEGV, &action, NULL));
  char* guard = mmap(NULL, 40960, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char* page = mmap(guard + 4096, 32768, PROT_READ | PROT_WRITE,
                    MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  uintptr_t from = (uintptr_t)page, to = from + 32768;
  equal("one mapping", count_lines(from, to), 1);
  equal("writable", probe(page + 8192, 1), 0);
  must(mprotect(page + 8192, 4096, PROT_READ));
  equal("three mappings", count_lines(from, to), 3);
  equal("read still works", probe(page + 8192, 0), 0);
  equal("write faults", probe(page + 8192, 1), SEGV_ACCERR);
  equal("neighbours unaffected", probe(page + 8191, 1) + probe(page + 12288, 1), 0);
  must(mprotect(page + 8192, 4096, PROT_NONE));
  equal("PROT_NONE", probe(page + 8192, 0), SEGV_ACCERR);
  must(mprotect(page + 8192, 4096, PROT_READ | PROT_WRITE));
  equal("joined again", count_lines(from, to), 1);
  equal("contents survived", page[8192], 5);
  must(munmap(page + 8192, 4096));
  equal("hole", probe(page + 8192, 0), SEGV_MAPERR);
  fails("over a hole", mprotect(page, 32768, PROT_READ), ENOMEM);
  equal("the part before it changed", probe(page, 1), SEGV_ACCERR);
  fails("unaligned", syscall(SYS_mprotect, page + 1, 4096, PROT_READ), EINVAL);
  fails("bad bits", mprotect(page, 4096, 0x40), EINVAL);
  equal("nothing", mprotect(page, 0, PROT_READ), 0);
  spill("file", "x", 1, 0644);
  char* shared = mmap(NULL, 4096, PROT_READ, MAP_SHARED, must(open("file", O_RDONLY)), 0);
  fails("shared file opened for reading", mprotect(shared, 4096, PROT_READ | PROT_WRITE), EACCES);
  uint8_t program[] = {0xb8, 42, 0, 0, 0, 0xc3};
  memcpy(page + 16384, program, sizeof program);
  must(mprotect(page + 16384, 4096, PROT_READ | PROT_EXEC));
  equal("executes", ((int (*)(void))(page + 16384))(), 42);
  return finish();
}
