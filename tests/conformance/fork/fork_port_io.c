// SPDX-License-Identifier: MIT
// CONTRACT: A18
//
// I/O ports are denied in a child as they are in the parent: the instruction raises SIGSEGV.
#include "check.h"

int main(void) {
  pid_t child = must(fork());
  if (child == 0) {
    __asm__ volatile("outb %%al, $0x80" : : "a"(0));
    _exit(0);
  }
  killed_by("out in child", child, SIGSEGV);
  child = must(fork());
  if (child == 0) {
    __asm__ volatile("cli");
    _exit(0);
  }
  killed_by("cli in child", child, SIGSEGV);
  child = must(fork());
  if (child == 0) {
    __asm__ volatile("hlt");
    _exit(0);
  }
  killed_by("hlt in child", child, SIGSEGV);
  return finish();
}
