// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// poll, ppoll, select, pselect: readiness of pipes and files, time-outs, masks, bad arguments.
#include <poll.h>
#include <sys/select.h>

#include "check.h"

static volatile sig_atomic_t hits;
static void on_signal(int number) { (void)number, hits++; }

int main(void) {
  int ends[2];
  must(pipe(ends));
  struct pollfd watch[4] = {
      {ends[0], POLLIN, 0}, {ends[1], POLLOUT, 0}, {-1, POLLIN, 9}, {999, POLLIN, 0}};
  equal("two of four", poll(watch, 4, 0), 2);
  ok("events", watch[0].revents == 0 && watch[1].revents == POLLOUT && watch[2].revents == 0 &&
                   watch[3].revents == POLLNVAL);
  must(write(ends[1], "x", 1));
  equal("readable", poll(watch, 1, -1), 1);
  ok("POLLIN", watch[0].revents == POLLIN);
  char byte;
  must(read(ends[0], &byte, 1));
  long long before = now_ns(CLOCK_MONOTONIC);
  equal("times out", poll(watch, 1, 10), 0);
  ok("not early", now_ns(CLOCK_MONOTONIC) - before >= 10000000);
  pid_t child = must(fork());
  if (child == 0) {
    wait_state(getppid(), 'S');
    must(write(ends[1], "y", 1));
    _exit(0);
  }
  equal("woken by a writer", poll(watch, 1, 10000), 1);
  exits("child", child, 0);
  must(read(ends[0], &byte, 1));
  fd_set set;
  FD_ZERO(&set);
  FD_SET(ends[0], &set);
  struct timeval soon = {0, 5000};
  equal("select times out", select(ends[0] + 1, &set, NULL, NULL, &soon), 0);
  ok("set emptied", !FD_ISSET(ends[0], &set));
  FD_SET(ends[1], &set);
  equal("select for writing", select(ends[1] + 1, NULL, &set, NULL, NULL), 1);
  FD_ZERO(&set);
  FD_SET(50, &set);
  fails("closed descriptor", select(51, &set, NULL, NULL, &soon), EBADF);
  fails("negative count", select(-1, NULL, NULL, NULL, &soon), EINVAL);
  handle(SIGUSR1, on_signal, 0);
  block(SIGUSR1);
  raise(SIGUSR1);
  sigset_t empty;
  sigemptyset(&empty);
  fails("ppoll opens the mask", ppoll(watch, 1, NULL, &empty), EINTR);
  equal("handler ran", hits, 1);
  raise(SIGUSR1);
  FD_ZERO(&set);
  FD_SET(ends[0], &set);
  fails("pselect too", pselect(ends[0] + 1, &set, NULL, NULL, NULL, &empty), EINTR);
  equal("handler ran again", hits, 2);
  must(close(ends[1]));
  equal("hang-up", poll(watch, 1, -1), 1);
  ok("POLLHUP", watch[0].revents == POLLHUP);
  fails("bad pointer", syscall(SYS_poll, 8, 1, 0), EFAULT);
  must(pipe(ends));
  must(close(ends[0]));
  watch[0].fd = ends[1];
  watch[0].events = POLLOUT;
  equal("no reader", poll(watch, 1, -1), 1);
  ok("POLLERR", watch[0].revents == (POLLOUT | POLLERR));
  int file = must(open("/dev/null", O_RDWR));
  watch[0] = (struct pollfd){file, POLLIN | POLLOUT, 0};
  equal("files are always ready", poll(watch, 1, -1), 1);
  ok("both ways", watch[0].revents == (POLLIN | POLLOUT));
  return finish();
}
