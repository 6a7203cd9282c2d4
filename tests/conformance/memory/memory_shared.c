// SPDX-License-Identifier: MIT
// CONTRACT: G7 issue-2
//
// Shared anonymous memory is one memory for all descendants, whoever faults it in first.
#include "check.h"

int main(void) {
  volatile int* cells = shared_memory(1 << 20);
  pid_t child = must(fork());
  if (child == 0) {
    cells[100000] = 5;
    pid_t inner = must(fork());
    if (inner == 0) {
      cells[200000] = cells[100000] + 1;
      _exit(0);
    }
    exits("grandchild", inner, 0);
    _exit(check_failures);
  }
  exits("child", child, 0);
  equal("child's first touch", cells[100000], 5);
  equal("grandchild's", cells[200000], 6);
  pid_t adders[4];
  for (int index = 0; index < 4; index++) {
    adders[index] = must(fork());
    if (adders[index] == 0) {
      for (int turn = 0; turn < 10000; turn++) __atomic_add_fetch(&cells[0], 1, __ATOMIC_SEQ_CST);
      _exit(0);
    }
  }
  for (int index = 0; index < 4; index++) exits("adder", adders[index], 0);
  equal("atomic over processes", cells[0], 40000);
  must(madvise((void*)cells, 4096, MADV_DONTNEED));
  equal("MADV_DONTNEED keeps shared contents", cells[0], 40000);
  char* own = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  own[0] = 1;
  must(madvise(own, 4096, MADV_DONTNEED));
  equal("and drops private ones", own[0], 0);
  fails("madvise unaligned", madvise(own + 1, 4096, MADV_DONTNEED), EINVAL);
  fails("unknown advice", madvise(own, 4096, 999), EINVAL);
  must(munmap(own, 4096));
  fails("of a hole", madvise(own, 4096, MADV_DONTNEED), ENOMEM);
  return finish();
}
