// SPDX-License-Identifier: MIT
// CONTRACT: A5 B42
//
// Five thousand descriptors are inherited, each at its number.
#include <sys/resource.h>

#include "check.h"

enum { count = 5000 };

int main(void) {
  struct rlimit limit = {count + 100, count + 100};
  must(setrlimit(RLIMIT_NOFILE, &limit));
  int file = must(open("/dev/null", O_RDONLY));
  for (int index = file + 1; index < count; index++) must(fcntl(file, F_DUPFD, index));
  pid_t child = must(fork());
  if (child == 0) {
    int there = 0;
    for (int index = file; index < count; index++) there += fcntl(index, F_GETFD) == 0;
    equal("all inherited", there, count - file);
    fails("none above", fcntl(count, F_GETFD), EBADF);
    must(close(4000));
    equal("hole is filled", dup(file), 4000);
    equal("next is above", dup(file), count);
    _exit(check_failures);
  }
  exits("child", child, 0);
  limit.rlim_cur = file + 1;
  must(setrlimit(RLIMIT_NOFILE, &limit));
  fails("limit reached", dup(file), EMFILE);
  fails("dup2 above the limit", dup2(file, file + 10), EBADF);
  fails("F_DUPFD above the limit", fcntl(file, F_DUPFD, count * 2), EINVAL);
  return finish();
}
