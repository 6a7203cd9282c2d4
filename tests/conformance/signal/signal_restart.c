// SPDX-License-Identifier: MIT
// CONTRACT: G5 issue-2
//
// Blocking calls and handlers: SA_RESTART goes on, without it EINTR; poll and nanosleep always
// EINTR.
#include <poll.h>

#include "check.h"

static volatile sig_atomic_t hits;
static void on_signal(int number) { (void)number, hits++; }

// A child that interrupts us when we sleep and then, if asked, writes a byte to end the read.
static pid_t poker(int descriptor) {
  pid_t child = must(fork());
  if (child == 0) {
    pid_t parent = getppid();
    wait_state(parent, 'S');
    must(kill(parent, SIGUSR1));
    if (descriptor >= 0) {
      for (int turn = 0; turn < 50; turn++) sched_yield();
      must(write(descriptor, "z", 1));
    }
    _exit(0);
  }
  return child;
}

int main(void) {
  int ends[2];
  must(pipe(ends));
  char byte = 0;
  handle(SIGUSR1, on_signal, 0);
  pid_t child = poker(-1);
  fails("read without SA_RESTART", read(ends[0], &byte, 1), EINTR);
  exits("poker", child, 0);
  handle(SIGUSR1, on_signal, SA_RESTART);
  child = poker(ends[1]);
  equal("read with SA_RESTART", read(ends[0], &byte, 1), 1);
  equal("got the byte", byte, 'z');
  exits("poker", child, 0);
  struct pollfd watch = {ends[0], POLLIN, 0};
  child = poker(-1);
  fails("poll even with SA_RESTART", poll(&watch, 1, -1), EINTR);
  exits("poker", child, 0);
  child = poker(-1);
  fails("pause", pause(), EINTR);
  exits("poker", child, 0);
  struct timespec wanted = {50, 0}, rest = {0, 0};
  child = poker(-1);
  fails("nanosleep", nanosleep(&wanted, &rest), EINTR);
  ok("rest", rest.tv_sec >= 45 && rest.tv_sec <= 50);
  exits("poker", child, 0);
  equal("five hits", hits, 5);
  signal(SIGUSR1, SIG_IGN);
  child = poker(ends[1]);
  equal("an ignored signal does not disturb", read(ends[0], &byte, 1), 1);
  exits("poker", child, 0);
  return finish();
}
