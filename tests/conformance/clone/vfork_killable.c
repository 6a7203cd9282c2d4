// SPDX-License-Identifier: MIT
// CONTRACT: D30 D29
//
// The vfork wait can be ended by SIGKILL and by nothing less: a handler runs only afterwards.
#include "check.h"

static volatile sig_atomic_t hits;
static void on_signal(int number) { hits += number == SIGUSR1; }

int main(void) {
  struct gate release = gate_make();
  int* during = shared_memory(4096);
  handle(SIGUSR1, on_signal, 0);
  pid_t self = getpid();
  pid_t child = vfork();
  if (child == 0) {
    syscall(SYS_kill, self, SIGUSR1);
    for (int turn = 0; turn < 1000; turn++) sched_yield();
    during[0] = hits;
    _exit(0);
  }
  equal("no handler while it waited", during[0], 0);
  equal("handler afterwards", hits, 1);
  exits("child", child, 0);

  pid_t* inner = (pid_t*)&during[1];
  pid_t waiter = must(fork());
  if (waiter == 0) {
    pid_t held = vfork();
    if (held == 0) {
      *inner = getpid();
      char byte;
      read(release.ends[0], &byte, 1);
      _exit(0);
    }
    _exit(1);
  }
  while (*(volatile pid_t*)inner == 0) sched_yield();
  must(kill(waiter, SIGKILL));
  killed_by("waiting parent can be killed", waiter, SIGKILL);
  gate_open(release);
  return finish();
}
