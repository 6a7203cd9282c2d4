// SPDX-License-Identifier: MIT
// CONTRACT: A5 B42 B43
//
// A file ends with its last close, whichever of the processes that inherited it does that, and
// however high its number: seen from the other end of a pipe. A close in one process is no close in
// another, also by close_range, exec and exit.
#include <poll.h>
#include <sys/resource.h>

#include "check.h"

static int has_ended(int reader) {
  struct pollfd entry = {.fd = reader, .events = POLLIN};
  return poll(&entry, 1, 0) == 1 && (entry.revents & POLLHUP);
}

static void close_in_turn(int number) {
  int ends[2];
  must(pipe(ends));
  must(dup2(ends[1], number));
  must(close(ends[1]));
  struct gate leave = gate_make(), closed = gate_make();
  pid_t child = must(fork());
  if (child == 0) {
    pid_t grandchild = must(fork());
    if (grandchild == 0) {
      gate_wait(leave);
      _exit(fcntl(number, F_GETFD) == 0 ? 0 : 1);
    }
    must(close(number));
    fails("closed in the child", fcntl(number, F_GETFD), EBADF);
    gate_open(closed);
    exits("grandchild still had it", grandchild, 0);
    _exit(check_failures);
  }
  gate_wait(closed);
  equal("closed by the child alone", has_ended(ends[0]), 0);
  must(close(number));
  equal("closed by both", has_ended(ends[0]), 0);
  gate_open(leave);
  exits("child", child, 0);
  equal("exit was the last close", has_ended(ends[0]), 1);
  must(close(ends[0]));
}

static void close_a_range(void) {
  int ends[2];
  must(pipe(ends));
  for (int number = 100; number < 400; number++) must(dup2(ends[1], number));
  must(close(ends[1]));
  pid_t child = must(fork());
  if (child == 0) {
    must(syscall(SYS_close_range, 100, 399, 0));
    fails("none is left", fcntl(399, F_GETFD), EBADF);
    must(dup2(0, 200));
    _exit(check_failures);
  }
  exits("child", child, 0);
  equal("ours are there", fcntl(100, F_GETFD) | fcntl(399, F_GETFD), 0);
  child = must(fork());
  if (child == 0) {
    must(syscall(SYS_close_range, 150, ~0U, 4));  // CLOSE_RANGE_CLOEXEC
    execl("/proc/self/exe", "again", "exec", NULL);
    _exit(98);
  }
  exits("after exec", child, 0);
  equal("not marked here", fcntl(399, F_GETFD), 0);
  must(syscall(SYS_close_range, 100, 399, 0));
  equal("all closed", has_ended(ends[0]), 1);
}

int main(int argc, char** argv) {
  (void)argv;
  if (argc > 1) {
    equal("below the range", fcntl(149, F_GETFD), 0);
    fails("in the range", fcntl(150, F_GETFD), EBADF);
    return check_failures;
  }
  struct rlimit limit = {6000, 6000};
  must(setrlimit(RLIMIT_NOFILE, &limit));
  close_in_turn(50);
  close_in_turn(64);
  close_in_turn(5555);
  close_a_range();
  return finish();
}
