// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// lseek, sparse files, truncate, pread and pwrite, readv and writev, short files.
#include <sys/uio.h>

#include "check.h"

int main(void) {
  int file = must(open("file", O_RDWR | O_CREAT, 0644));
  char text[64] = {0};
  must(lseek(file, 100000, SEEK_SET));
  must(write(file, "end", 3));
  struct stat status;
  must(fstat(file, &status));
  equal("size", status.st_size, 100003);
  equal("hole reads zero", pread(file, text, 10, 5000) == 10 && text[0] == 0 && text[9] == 0, 1);
  equal("SEEK_CUR", lseek(file, -3, SEEK_CUR), 100000);
  equal("SEEK_END", lseek(file, 10, SEEK_END), 100013);
  equal("read behind the end", read(file, text, 5), 0);
  fails("negative", lseek(file, -1, SEEK_SET), EINVAL);
  fails("bad whence", lseek(file, 0, 99), EINVAL);
  must(ftruncate(file, 4));
  must(fstat(file, &status));
  equal("shorter", status.st_size, 4);
  must(ftruncate(file, 100003));
  equal("the old end is gone", pread(file, text, 3, 100000) == 3 && text[0] == 0, 1);
  fails("negative length", ftruncate(file, -1), EINVAL);
  must(truncate("file", 0));
  fails("truncate a directory", truncate(".", 0), EISDIR);
  fails("ftruncate a reader", ftruncate(must(open("file", O_RDONLY)), 0), EINVAL);
  must(lseek(file, 0, SEEK_SET));
  struct iovec out[3] = {{"one", 3}, {"", 0}, {"two", 3}};
  equal("writev", writev(file, out, 3), 6);
  char a[2], b[10];
  struct iovec in[2] = {{a, 2}, {b, 10}};
  must(lseek(file, 0, SEEK_SET));
  equal("readv", readv(file, in, 2), 6);
  ok("in pieces", memcmp(a, "on", 2) == 0 && memcmp(b, "etwo", 4) == 0);
  equal("no vectors", writev(file, out, 0), 0);
  fails("too many vectors", writev(file, out, 1025), EINVAL);
  fails("negative count", readv(file, in, -1), EINVAL);
  equal("pwrite", pwrite(file, "XY", 2, 3), 2);
  equal("offset not moved", lseek(file, 0, SEEK_CUR), 6);
  fails("negative offset", pread(file, a, 1, -1), EINVAL);
  equal("preadv", preadv(file, in, 2, 2) == 4 && memcmp(a, "eX", 2) == 0, 1);
  fails("EBADF", read(77, a, 1), EBADF);
  equal("nothing to write", write(file, "x", 0), 0);
  return finish();
}
