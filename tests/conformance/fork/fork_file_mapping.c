// SPDX-License-Identifier: MIT
// CONTRACT: B19 B20 A22
//
// A file mapping outlives close and unlink in the parent; truncation raises SIGBUS in both.
#include "check.h"

int main(void) {
  char page[8192];
  memset(page, 'm', sizeof page);
  spill("data", page, sizeof page, 0644);
  int file = must(open("data", O_RDWR));
  volatile char* mapped = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  struct gate unlinked = gate_make();
  pid_t child = must(fork());
  if (child == 0) {
    gate_wait(unlinked);
    equal("mapping valid after unlink", mapped[4096], 'm');
    mapped[0] = 'c';
    gate_wait(unlinked);
    equal("first page stays", mapped[1], 'm');
    (void)mapped[4096];
    _exit(0);
  }
  must(unlink("data"));
  gate_open(unlinked);
  while (mapped[0] != 'c') sched_yield();
  char byte = 0;
  must(pread(file, &byte, 1, 0));
  equal("shared write reaches the file", byte, 'c');
  must(ftruncate(file, 4096));
  must(close(file));
  gate_open(unlinked);
  killed_by("child beyond the end", child, SIGBUS);
  child = must(fork());
  if (child == 0) {
    (void)mapped[4096];
    _exit(0);
  }
  killed_by("new child beyond the end", child, SIGBUS);
  return finish();
}
