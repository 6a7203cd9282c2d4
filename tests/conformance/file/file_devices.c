// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// /dev/null, zero, full, random, urandom and tty without a terminal.
#include "check.h"

int main(void) {
  char buffer[64], zeros[64] = {0};
  int null = must(open("/dev/null", O_RDWR)), zero = must(open("/dev/zero", O_RDWR));
  int full = must(open("/dev/full", O_RDWR)), random = must(open("/dev/urandom", O_RDONLY));
  equal("null reads nothing", read(null, buffer, 64), 0);
  equal("null takes all", write(null, buffer, 64), 64);
  memset(buffer, 1, 64);
  equal("zero reads", read(zero, buffer, 64), 64);
  ok("zeros", memcmp(buffer, zeros, 64) == 0);
  equal("zero takes all", write(zero, buffer, 64), 64);
  equal("full reads zeros", read(full, buffer, 64), 64);
  fails("full is full", write(full, buffer, 1), ENOSPC);
  equal("urandom", read(random, buffer, 64), 64);
  ok("not zeros", memcmp(buffer, zeros, 64) != 0);
  equal("random", read(must(open("/dev/random", O_RDONLY)), buffer, 16), 16);
  equal("seek in null", lseek(null, 5, SEEK_SET), 0);
  equal("null from anywhere", pread(null, buffer, 64, 1l << 60), 0);
  equal("full from anywhere", pread(full, buffer, 64, 1l << 60), 64);
  fails("full is full everywhere", pwrite(full, buffer, 1, 1l << 60), ENOSPC);
  equal("zero to anywhere", pwrite(zero, buffer, 64, 1l << 60), 64);
  fails("no controlling terminal", open("/dev/tty", O_RDWR), ENXIO);
  fails("not a terminal", isatty(null) ? 0 : -1, ENOTTY);
  return finish();
}
