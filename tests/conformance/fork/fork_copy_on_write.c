// SPDX-License-Identifier: MIT
// CONTRACT: A26 A27 A33
//
// After a fork a write by either side is invisible to the other, at the same address, for data,
// heap, stack, anonymous and private file mappings; a later sole owner writes freely.
#include "check.h"

static char in_data[8192] = {1};
static char in_bss[8192];

int main(void) {
  struct gate written = gate_make(), checked = gate_make();
  char on_stack[8192] = {1};
  char* heap = malloc(200000);
  char* anonymous = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  spill("data", in_data, sizeof in_data, 0644);
  int file = must(open("data", O_RDWR));
  char* mapped = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
  char* places[] = {in_data + 4096,   in_bss + 4096, on_stack + 4096, heap + 100000,
                    anonymous + 5000, mapped + 4096, mapped};
  enum { count = sizeof places / sizeof *places };
  for (int index = 0; index < count; index++) *places[index] = 1;
  pid_t child = must(fork());
  if (child == 0) {
    gate_wait(written);
    for (int index = 0; index < count; index++) {
      equal("parent's write unseen in child", *places[index], 1);
      *places[index] = 3;
    }
    gate_open(checked);
    gate_wait(written);
    _exit(check_failures);
  }
  for (int index = 0; index < count; index++) *places[index] = 2;
  gate_open(written);
  gate_wait(checked);
  for (int index = 0; index < count; index++) equal("child's write unseen", *places[index], 2);
  gate_open(written);
  exits("child", child, 0);
  for (int index = 0; index < count; index++) *places[index] += 5;
  for (int index = 0; index < count; index++) equal("sole owner writes", *places[index], 7);
  char byte = 0;
  must(pread(file, &byte, 1, 0));
  equal("file untouched by private mapping", byte, 1);
  return finish();
}
