// SPDX-License-Identifier: MIT
// CONTRACT: D25 G12
//
// Random bytes differ between parent and child, and no stale process number is cached.
#include "check.h"

int main(void) {
  uint8_t *theirs = shared_memory(4096), own[32], zero[32] = {0};
  pid_t child = must(fork());
  if (child == 0) {
    equal("getrandom in child", syscall(SYS_getrandom, theirs, 32, 0), 32);
    ok("getpid is fresh", getpid() == syscall(SYS_getpid) && getpid() != getppid());
    _exit(check_failures);
  }
  exits("child", child, 0);
  equal("getrandom in parent", syscall(SYS_getrandom, own, 32, 0), 32);
  ok("different", memcmp(own, theirs, 32) != 0);
  ok("not zero", memcmp(own, zero, 32) != 0);
  equal("GRND_NONBLOCK", syscall(SYS_getrandom, own, 16, 1), 16);
  equal("large request", syscall(SYS_getrandom, mmap(NULL, 65536, 3, 0x22, -1, 0), 65536, 0),
        65536);
  fails("unknown flag", syscall(SYS_getrandom, own, 16, 0x80), EINVAL);
  fails("bad pointer", syscall(SYS_getrandom, (void*)8, 16, 0), EFAULT);
  equal("nothing", syscall(SYS_getrandom, own, 0, 0), 0);
  return finish();
}
