// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// execveat by directory, by descriptor with AT_EMPTY_PATH, and its refusals.
#include "check.h"

int main(int argc, char** argv) {
  if (argc > 1) return 13;
  char* arguments[] = {argv[0], "again", NULL};
  char* environment[] = {NULL};
  int self = must(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  pid_t child = must(fork());
  if (child == 0) {
    syscall(SYS_execveat, self, "", arguments, environment, AT_EMPTY_PATH);
    _exit(98);
  }
  exits("by descriptor", child, 13);
  fails("empty path without the flag", syscall(SYS_execveat, self, "", arguments, environment, 0),
        ENOENT);
  fails("unknown flag", syscall(SYS_execveat, AT_FDCWD, argv[0], arguments, environment, 0x4000000),
        EINVAL);
  fails("bad descriptor", syscall(SYS_execveat, 99, "x", arguments, environment, 0), EBADF);
  must(symlink("/proc/self/exe", "link"));
  fails("AT_SYMLINK_NOFOLLOW",
        syscall(SYS_execveat, AT_FDCWD, "link", arguments, environment, AT_SYMLINK_NOFOLLOW),
        ELOOP);
  return finish();
}
