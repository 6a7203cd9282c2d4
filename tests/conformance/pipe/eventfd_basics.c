// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// eventfd: counter, semaphore mode, overflow, poll, short buffers; shared over fork.
#include <poll.h>
#include <sys/eventfd.h>

#include "check.h"

int main(void) {
  uint64_t value = 5, seen = 0;
  int counter = must(eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC));
  equal("read", read(counter, &seen, 8), 8);
  equal("initial value", (long)seen, 3);
  fails("empty", read(counter, &seen, 8), EAGAIN);
  must(write(counter, &value, 8));
  must(write(counter, &value, 8));
  must(read(counter, &seen, 8));
  equal("sum", (long)seen, 10);
  fails("short read", read(counter, &seen, 4), EINVAL);
  value = UINT64_MAX;
  fails("all ones", write(counter, &value, 8), EINVAL);
  value = UINT64_MAX - 1;
  equal("most", write(counter, &value, 8), 8);
  value = 1;
  fails("overflow", write(counter, &value, 8), EAGAIN);
  struct pollfd watch = {counter, POLLIN | POLLOUT, 0};
  must(poll(&watch, 1, 0));
  ok("readable, not writable", watch.revents == POLLIN);
  int tokens = must(eventfd(0, EFD_SEMAPHORE));
  pid_t child = must(fork());
  if (child == 0) {
    value = 3;
    must(write(tokens, &value, 8));
    _exit(0);
  }
  for (int turn = 0; turn < 3; turn++) {
    must(read(tokens, &seen, 8));
    equal("one at a time", (long)seen, 1);
  }
  exits("child", child, 0);
  fails("bad flags", eventfd(0, 0x40000000), EINVAL);
  return finish();
}
