// SPDX-License-Identifier: MIT
// CONTRACT: A7
//
// Parent and child write to one pipe in turns through gates; the order of all bytes is exact.
#include "check.h"

int main(void) {
  struct gate go = gate_make(), back = gate_make();
  int ends[2];
  must(pipe(ends));
  pid_t child = must(fork());
  if (child == 0) {
    for (char letter = 'a'; letter <= 'j'; letter++) {
      gate_wait(go);
      must(write(ends[1], &letter, 1));
      gate_open(back);
    }
    _exit(0);
  }
  for (char letter = 'A'; letter <= 'J'; letter++) {
    must(write(ends[1], &letter, 1));
    gate_open(go);
    gate_wait(back);
  }
  char text[32] = {0};
  equal("all bytes", read(ends[0], text, sizeof text), 20);
  ok("in order", strcmp(text, "AaBbCcDdEeFfGgHhIiJj") == 0);
  exits("child", child, 0);
  return finish();
}
