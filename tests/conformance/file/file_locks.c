// SPDX-License-Identifier: MIT
// CONTRACT: issue-2 A21
//
// fcntl record locks: conflict between processes, not inherited by fork, released at close; flock
// belongs to the description and is inherited.
#include <sys/file.h>

#include "check.h"

static struct flock lock_of(short type, off_t start, off_t length) {
  struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
  return lock;
}

int main(void) {
  spill("file", "0123456789", 10, 0644);
  int file = must(open("file", O_RDWR));
  struct flock lock = lock_of(F_WRLCK, 0, 5);
  equal("lock", fcntl(file, F_SETLK, &lock), 0);
  pid_t parent = getpid();
  pid_t child = must(fork());
  if (child == 0) {
    lock = lock_of(F_WRLCK, 4, 1);
    fails("conflict", fcntl(file, F_SETLK, &lock), EAGAIN);
    must(fcntl(file, F_GETLK, &lock));
    ok("holder",
       lock.l_type == F_WRLCK && lock.l_pid == parent && lock.l_start == 0 && lock.l_len == 5);
    lock = lock_of(F_WRLCK, 5, 5);
    equal("beside it", fcntl(file, F_SETLK, &lock), 0);
    _exit(check_failures);
  }
  exits("child", child, 0);
  lock = lock_of(F_WRLCK, 0, 0);
  equal("the child's is gone", fcntl(file, F_SETLK, &lock), 0);
  close(must(open("file", O_RDONLY)));
  child = must(fork());
  if (child == 0) {
    lock = lock_of(F_WRLCK, 0, 0);
    equal("any close released ours", fcntl(file, F_SETLK, &lock), 0);
    _exit(check_failures);
  }
  exits("child", child, 0);
  int other = must(open("file", O_RDWR));
  equal("flock", flock(file, LOCK_EX), 0);
  fails("other description", flock(other, LOCK_EX | LOCK_NB), EWOULDBLOCK);
  child = must(fork());
  if (child == 0) {
    equal("inherited", flock(file, LOCK_EX | LOCK_NB), 0);
    equal("and released for both", flock(file, LOCK_UN), 0);
    _exit(check_failures);
  }
  exits("child", child, 0);
  equal("free", flock(other, LOCK_EX | LOCK_NB), 0);
  return finish();
}
