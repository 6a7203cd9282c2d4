// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// Pipes: order, end of file, EPIPE and SIGPIPE, O_NONBLOCK, flags of pipe2, no seeking.
#include <sys/ioctl.h>

#include "check.h"

int main(void) {
  int ends[2];
  char buffer[64];
  must(pipe(ends));
  equal("write", write(ends[1], "hello", 5), 5);
  int waiting = 0;
  must(ioctl(ends[0], FIONREAD, &waiting));
  equal("FIONREAD", waiting, 5);
  equal("short read", read(ends[0], buffer, 2), 2);
  equal("rest", read(ends[0], buffer, 64), 3);
  fails("seek", lseek(ends[0], 0, SEEK_SET), ESPIPE);
  fails("pread", pread(ends[0], buffer, 1, 0), ESPIPE);
  fails("wrong end, write", write(ends[0], "x", 1), EBADF);
  fails("wrong end, read", read(ends[1], buffer, 1), EBADF);
  must(close(ends[1]));
  equal("end of file", read(ends[0], buffer, 64), 0);
  must(close(ends[0]));
  must(pipe2(ends, O_NONBLOCK | O_CLOEXEC));
  equal("cloexec", fcntl(ends[0], F_GETFD), FD_CLOEXEC);
  fails("empty", read(ends[0], buffer, 1), EAGAIN);
  static char block_of[65536];
  equal("fill", write(ends[1], block_of, 65536), 65536);
  fails("full", write(ends[1], "x", 1), EAGAIN);
  equal("make room for a page", read(ends[0], block_of, 4096), 4096);
  equal("room for a page", write(ends[1], block_of, 4096), 4096);
  fails("full again", write(ends[1], block_of, 4096), EAGAIN);
  must(close(ends[0]));
  signal(SIGPIPE, SIG_IGN);
  fails("EPIPE", write(ends[1], "x", 1), EPIPE);
  signal(SIGPIPE, SIG_DFL);
  pid_t child = must(fork());
  if (child == 0) {
    (void)!write(ends[1], "x", 1);
    _exit(0);
  }
  killed_by("SIGPIPE", child, SIGPIPE);
  fails("bad flags", syscall(SYS_pipe2, ends, 1), EINVAL);
  fails("bad pointer", syscall(SYS_pipe2, 8, 0), EFAULT);
  must(pipe(ends));
  equal("size", fcntl(ends[0], F_GETPIPE_SZ), 65536);
  struct stat status;
  must(fstat(ends[0], &status));
  ok("is a FIFO", S_ISFIFO(status.st_mode));
  return finish();
}
