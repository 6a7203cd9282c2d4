// SPDX-License-Identifier: MIT
// CONTRACT: E16 issue-2
//
// kill: who may signal whom, and what the odd arguments mean.
#include "check.h"

int main(void) {
  pid_t root_process = must(fork());
  if (root_process == 0) {
    for (;;) pause();
  }
  pid_t user = must(fork());
  if (user == 0) {
    must(setuid(1000));
    fails("another user's process", kill(root_process, SIGTERM), EPERM);
    fails("even signal 0", kill(root_process, 0), EPERM);
    equal("its own", kill(getpid(), 0), 0);
    pid_t inner = must(fork());
    if (inner == 0) {
      for (;;) pause();
    }
    equal("its own child", kill(inner, SIGKILL), 0);
    killed_by("inner", inner, SIGKILL);
    equal("SIGCONT within the session", kill(root_process, SIGCONT), 0);
    must(setsid());
    fails("SIGCONT from another session", kill(root_process, SIGCONT), EPERM);
    _exit(check_failures);
  }
  exits("user", user, 0);
  fails("bad signal", kill(root_process, 65), EINVAL);
  fails("negative signal", kill(root_process, -1), EINVAL);
  fails("nobody there", kill(0x3ffffff, 0), ESRCH);
  fails("tgkill of a thread elsewhere", syscall(SYS_tgkill, getpid(), root_process, 0), ESRCH);
  fails("tgkill of 0", syscall(SYS_tgkill, 0, 1, 0), EINVAL);
  equal("tgkill", syscall(SYS_tgkill, root_process, root_process, SIGKILL), 0);
  killed_by("root process", root_process, SIGKILL);
  return finish();
}
