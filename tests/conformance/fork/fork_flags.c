// SPDX-License-Identifier: MIT
// CONTRACT: B46
//
// /proc/self/stat's flags hold 0x40 (forked, not exec'd yet) in a child and not after exec.
#include "check.h"

int main(int argc, char** argv) {
  if (argc > 1) {
    equal("flag clear after exec", stat_field(getpid(), 9) & 0x40, 0);
    return check_failures;
  }
  equal("clear in an exec'd program", stat_field(getpid(), 9) & 0x40, 0);
  pid_t child = must(fork());
  if (child == 0) {
    equal("set after fork", stat_field(getpid(), 9) & 0x40, 0x40);
    char* arguments[] = {argv[0], "again", NULL};
    execv(argv[0], arguments);
    _exit(98);
  }
  exits("child", child, 0);
  return finish();
}
