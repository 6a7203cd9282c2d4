// SPDX-License-Identifier: MIT
// CONTRACT: B53 C14
//
// A parent may move its child to another group before the child's exec, not after (EACCES).
#include "check.h"

int main(int argc, char** argv) {
  if (argc > 1) {
    must(write(4, "x", 1));
    char byte;
    return read(3, &byte, 1) == 1 ? 0 : 1;
  }
  struct gate down = gate_make(), up = gate_make();
  struct gate may_exec = gate_make();
  pid_t child = must(fork());
  if (child == 0) {
    gate_wait(may_exec);
    int in = must(fcntl(down.ends[0], F_DUPFD, 20)), out = must(fcntl(up.ends[1], F_DUPFD, 20));
    must(dup2(in, 3));
    must(dup2(out, 4));
    char* arguments[] = {argv[0], "again", NULL};
    execv(argv[0], arguments);
    _exit(98);
  }
  equal("before exec", setpgid(child, child), 0);
  equal("its group now", getpgid(child), child);
  gate_open(may_exec);
  gate_wait(up);
  fails("after exec", setpgid(child, getpgrp()), EACCES);
  gate_open(down);
  exits("child", child, 0);
  fails("no such process", setpgid(child, child), ESRCH);
  fails("negative group", setpgid(0, -1), EINVAL);
  fails("group that does not exist", setpgid(0, child), EPERM);
  return finish();
}
