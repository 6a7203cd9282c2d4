// SPDX-License-Identifier: MIT
// CONTRACT: B16 B18 G7
//
// The child's /proc/self/maps equals the parent's, less MADV_DONTFORK ranges; MADV_WIPEONFORK
// ranges read zero in the child; shared mappings stay shared.
#include "check.h"

static char before[32768], after[32768];

int main(void) {
  char* plain = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must(mprotect(plain + 4096, 4096, PROT_READ));
  must(slurp("/proc/self/maps", before, sizeof before));
  pid_t child = must(fork());
  if (child == 0) {
    must(slurp("/proc/self/maps", after, sizeof after));
    ok("maps identical", strcmp(before, after) == 0 && strlen(before) > 100);
    _exit(check_failures);
  }
  exits("child", child, 0);

  char* gone = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char* wiped = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char* shared = shared_memory(4096);
  gone[0] = wiped[0] = wiped[4096] = 5;
  must(madvise(gone, 8192, MADV_DONTFORK));
  must(madvise(wiped, 8192, MADV_WIPEONFORK));
  fails("WIPEONFORK of shared memory", madvise(shared, 4096, MADV_WIPEONFORK), EINVAL);
  child = must(fork());
  if (child == 0) {
    equal("wiped", wiped[0] + wiped[4096], 0);
    shared[0] = 9;
    wiped[0] = 6;
    _exit(check_failures);
  }
  exits("child", child, 0);
  equal("parent's unwiped", wiped[0], 5);
  equal("shared write seen", shared[0], 9);
  child = must(fork());
  if (child == 0) {
    *(volatile char*)gone = 1;
    _exit(0);
  }
  killed_by("DONTFORK range absent", child, SIGSEGV);
  must(madvise(gone, 8192, MADV_DOFORK));
  child = must(fork());
  if (child == 0) _exit(gone[0] == 5 ? 0 : 1);
  exits("DOFORK undoes it", child, 0);
  return finish();
}
