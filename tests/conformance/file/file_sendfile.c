// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// sendfile between files and to a pipe, with and without an offset.
#include <sys/sendfile.h>

#include "check.h"

int main(void) {
  static char data[100000], back[100000];
  for (size_t index = 0; index < sizeof data; index++) data[index] = (char)(index * 17 / 3);
  spill("in", data, sizeof data, 0644);
  int in = must(open("in", O_RDONLY)), out = must(open("out", O_RDWR | O_CREAT, 0644)), ends[2];
  long sent = 0;
  for (ssize_t count; (count = sendfile(out, in, NULL, sizeof data)) > 0;) sent += count;
  equal("all", sent, sizeof data);
  must(pread(out, back, sizeof back, 0));
  ok("equal", memcmp(data, back, sizeof data) == 0);
  off_t offset = 50;
  must(pipe(ends));
  equal("to a pipe", sendfile(ends[1], in, &offset, 100), 100);
  equal("offset moved", offset, 150);
  equal("file's own did not", lseek(in, 0, SEEK_CUR), sizeof data);
  equal("read back", read(ends[0], back, 200), 100);
  ok("equal", memcmp(data + 50, back, 100) == 0);
  fails("from a pipe", sendfile(out, ends[0], NULL, 1), EINVAL);
  fails("to a reader", sendfile(in, in, NULL, 1), EBADF);
  return finish();
}
