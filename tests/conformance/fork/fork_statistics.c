// SPDX-License-Identifier: MIT
// CONTRACT: D1 D18 B30
//
// Peak sizes of the child start from its current size, its context switches from zero.
#include "check.h"

static long status_number(const char* key) {
  static char text[16384];
  must(slurp("/proc/self/status", text, sizeof text));
  const char* line = strstr(text, key);
  return line == NULL ? -1 : strtol(line + strlen(key), NULL, 10);
}

int main(void) {
  char* large = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(large, 1, 16 << 20);
  must(munmap(large, 64 << 20));
  ok("parent's VmPeak remembers", status_number("\nVmPeak:") > 64 * 1024);
  ok("parent's VmHWM remembers", status_number("\nVmHWM:") > 15 * 1024);
  struct gate gate = gate_make();
  pid_t waker = must(fork());
  if (waker == 0) {
    for (int turn = 0; turn < 50; turn++) {
      wait_state(getppid(), 'S');
      gate_open(gate);
    }
    _exit(0);
  }
  for (int turn = 0; turn < 50; turn++) gate_wait(gate);
  exits("waker", waker, 0);
  ok("parent switched", status_number("\nvoluntary_ctxt_switches:") >= 10);
  pid_t child = must(fork());
  if (child == 0) {
    ok("child's VmPeak is its own", status_number("\nVmPeak:") < 32 * 1024);
    ok("child's VmHWM is its own", status_number("\nVmHWM:") < 15 * 1024);
    ok("child's switches", status_number("\nvoluntary_ctxt_switches:") < 10);
    _exit(check_failures);
  }
  exits("child", child, 0);
  return finish();
}
