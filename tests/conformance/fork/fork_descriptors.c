// SPDX-License-Identifier: MIT
// CONTRACT: A21 B43 B44
//
// The descriptor table is copied, the open file descriptions are shared: offset and status flags
// move together, closing does not, FD_CLOEXEC is kept and the lowest free number is used next.
#include "check.h"

int main(void) {
  spill("data", "0123456789", 10, 0644);
  int file = must(open("data", O_RDWR));
  int other = must(open("data", O_RDONLY | O_CLOEXEC));
  int hole = must(dup(file));
  must(close(hole));
  must(lseek(file, 2, SEEK_SET));
  pid_t child = must(fork());
  if (child == 0) {
    equal("offset inherited", lseek(file, 0, SEEK_CUR), 2);
    must(lseek(file, 7, SEEK_SET));
    must(fcntl(file, F_SETFL, O_APPEND));
    equal("cloexec kept", fcntl(other, F_GETFD), FD_CLOEXEC);
    must(fcntl(other, F_SETFD, 0));
    equal("lowest free number", dup(file), hole);
    must(close(other));
    _exit(check_failures);
  }
  exits("child", child, 0);
  equal("offset moved by child", lseek(file, 0, SEEK_CUR), 7);
  ok("status flags shared", (fcntl(file, F_GETFL) & O_APPEND) != 0);
  equal("descriptor flags private", fcntl(other, F_GETFD), FD_CLOEXEC);
  char byte = 0;
  equal("still open here", read(other, &byte, 1), 1);
  fails("child's dup not here", fcntl(hole, F_GETFD), EBADF);
  return finish();
}
