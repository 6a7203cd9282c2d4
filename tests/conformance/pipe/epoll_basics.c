// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// epoll: level, edge and one-shot, data returned, closed descriptors leave, bad arguments. A kernel
// without epoll says ENOSYS, and the program then shows nothing else.
#include <sys/epoll.h>

#include "check.h"

int main(void) {
  int set = must(epoll_create1(EPOLL_CLOEXEC)), ends[2];
  must(pipe(ends));
  struct epoll_event event = {EPOLLIN, {.u64 = 0x1122334455667788}}, out[4];
  must(epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event));
  fails("twice", epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event), EEXIST);
  fails("not there", epoll_ctl(set, EPOLL_CTL_MOD, ends[1], &event), ENOENT);
  fails("itself", epoll_ctl(set, EPOLL_CTL_ADD, set, &event), EINVAL);
  fails("closed", epoll_ctl(set, EPOLL_CTL_ADD, 99, &event), EBADF);
  spill("file", "", 0, 0644);
  fails("plain file", epoll_ctl(set, EPOLL_CTL_ADD, must(open("file", O_RDONLY)), &event), EPERM);
  equal("nothing", epoll_wait(set, out, 4, 0), 0);
  must(write(ends[1], "ab", 2));
  equal("ready", epoll_wait(set, out, 4, -1), 1);
  ok("data", out[0].data.u64 == 0x1122334455667788 && out[0].events == EPOLLIN);
  equal("level: still ready", epoll_wait(set, out, 4, 0), 1);
  event.events = EPOLLIN | EPOLLET;
  must(epoll_ctl(set, EPOLL_CTL_MOD, ends[0], &event));
  equal("edge: once", epoll_wait(set, out, 4, 0), 1);
  equal("edge: not again", epoll_wait(set, out, 4, 0), 0);
  must(write(ends[1], "c", 1));
  equal("edge: new data", epoll_wait(set, out, 4, 0), 1);
  event.events = EPOLLIN | EPOLLONESHOT;
  must(epoll_ctl(set, EPOLL_CTL_MOD, ends[0], &event));
  equal("one shot", epoll_wait(set, out, 4, 0), 1);
  must(write(ends[1], "d", 1));
  equal("disarmed", epoll_wait(set, out, 4, 0), 0);
  must(close(ends[0]));
  must(close(ends[1]));
  equal("closed leaves", epoll_wait(set, out, 4, 0), 0);
  fails("no room", epoll_wait(set, out, 0, 0), EINVAL);
  fails("not an epoll", epoll_wait(1, out, 4, 0), EINVAL);
  return finish();
}
