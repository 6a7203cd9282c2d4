// SPDX-License-Identifier: MIT
// CONTRACT: A21 B43
//
// dup, dup2, dup3, fcntl and their refusals; O_NONBLOCK through F_SETFL; close_range.
#include "check.h"

int main(void) {
  spill("file", "0123456789", 10, 0644);
  int file = must(open("file", O_RDWR));
  equal("lowest free", dup(file), file + 1);
  equal("dup2", dup2(file, 20), 20);
  equal("dup2 onto itself", dup2(file, file), file);
  fails("dup3 onto itself", dup3(file, file, 0), EINVAL);
  fails("dup3 flags", syscall(SYS_dup3, file, 21, O_APPEND), EINVAL);
  equal("dup3 cloexec", dup3(file, 21, O_CLOEXEC), 21);
  equal("flag", fcntl(21, F_GETFD), FD_CLOEXEC);
  equal("dup loses it", fcntl(must(dup(21)), F_GETFD), 0);
  equal("dup2 replaces", dup2(must(open("/dev/null", O_RDONLY)), 20), 20);
  char byte;
  equal("by the other file", read(20, &byte, 1), 0);
  fails("dup of nothing", dup(99), EBADF);
  fails("dup2 of nothing", dup2(99, 20), EBADF);
  equal("which closed nothing", read(20, &byte, 1), 0);
  fails("dup2 negative", dup2(file, -1), EBADF);
  equal("F_DUPFD", fcntl(file, F_DUPFD, 30), 30);
  equal("F_DUPFD next", fcntl(file, F_DUPFD, 30), 31);
  fails("F_DUPFD negative", fcntl(file, F_DUPFD, -1), EINVAL);
  equal("F_GETFL", fcntl(file, F_GETFL) & ~O_LARGEFILE & ~0100000, O_RDWR);
  must(fcntl(file, F_SETFL, O_APPEND | O_NONBLOCK | O_WRONLY));
  equal("F_SETFL sets only some", fcntl(file, F_GETFL) & ~0100000, O_RDWR | O_APPEND | O_NONBLOCK);
  equal("on the description", (fcntl(30, F_GETFL) & O_APPEND) != 0, 1);
  fails("bad command", fcntl(file, 999), EINVAL);
  fails("bad descriptor", fcntl(99, F_GETFD), EBADF);
  equal("close_range", syscall(436, 30, 31, 0), 0);
  fails("closed", fcntl(30, F_GETFD), EBADF);
  fails("range backwards", syscall(436, 31, 30, 0), EINVAL);
  equal("close", close(20), 0);
  fails("close again", close(20), EBADF);
  return finish();
}
