// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// Named pipes: open blocks for the other side, O_NONBLOCK does not, ENXIO without a reader.
#include "check.h"

int main(void) {
  must(mkfifo("fifo", 0644));
  fails("exists", mkfifo("fifo", 0644), EEXIST);
  struct stat status;
  must(stat("fifo", &status));
  ok("is a FIFO", S_ISFIFO(status.st_mode) && (status.st_mode & 0777) == 0644);
  fails("no reader", open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
  int reader = must(open("fifo", O_RDONLY | O_NONBLOCK));
  char byte = 0;
  equal("nobody writes", read(reader, &byte, 1), 0);
  int writer = must(open("fifo", O_WRONLY | O_NONBLOCK));
  fails("empty", read(reader, &byte, 1), EAGAIN);
  equal("write", write(writer, "q", 1), 1);
  equal("read", read(reader, &byte, 1), 1);
  close(writer);
  close(reader);
  pid_t child = must(fork());
  if (child == 0) {
    int end = must(open("fifo", O_WRONLY));
    must(write(end, "w", 1));
    _exit(0);
  }
  reader = must(open("fifo", O_RDONLY));
  equal("met", read(reader, &byte, 1), 1);
  equal("then the end", read(reader, &byte, 1), 0);
  exits("child", child, 0);
  return finish();
}
