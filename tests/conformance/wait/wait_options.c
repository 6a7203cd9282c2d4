// SPDX-License-Identifier: MIT
// CONTRACT: G8
//
// wait4 and waitid: WNOHANG, WUNTRACED, WCONTINUED, WNOWAIT, selection by group, bad arguments.
#include <sys/resource.h>

#include "check.h"

int main(void) {
  int status = 0;
  siginfo_t info;
  fails("no children", waitpid(-1, NULL, 0), ECHILD);
  fails("no children, waitid", waitid(P_ALL, 0, &info, WEXITED), ECHILD);
  fails("unknown option", waitpid(-1, NULL, 0x100), EINVAL);
  fails("waitid without what", waitid(P_ALL, 0, &info, WNOHANG), EINVAL);
  fails("waitid unknown kind", waitid(99, 0, &info, WEXITED), EINVAL);
  fails("impossible pid", waitpid(INT32_MIN, NULL, 0), ESRCH);
  pid_t child = must(fork());
  if (child == 0) {
    raise(SIGSTOP);
    for (;;) pause();
  }
  equal("stopped", waitpid(child, &status, WUNTRACED), child);
  ok("WIFSTOPPED", WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
  equal("told once", waitpid(child, &status, WUNTRACED | WNOHANG), 0);
  must(kill(child, SIGCONT));
  equal("continued", waitpid(child, &status, WCONTINUED), child);
  ok("WIFCONTINUED", WIFCONTINUED(status));
  must(kill(child, SIGSTOP));
  memset(&info, 0, sizeof info);
  equal("waitid stopped", waitid(P_PID, (id_t)child, &info, WSTOPPED | WNOWAIT), 0);
  ok("si_code stopped",
     info.si_code == CLD_STOPPED && info.si_status == SIGSTOP && info.si_pid == child);
  equal("WNOWAIT left it", waitid(P_PID, (id_t)child, &info, WSTOPPED), 0);
  must(kill(child, SIGCONT));
  equal("waitid continued", waitid(P_PID, (id_t)child, &info, WCONTINUED), 0);
  ok("si_code continued", info.si_code == CLD_CONTINUED && info.si_status == SIGCONT);
  equal("alive", waitpid(child, &status, WNOHANG), 0);
  must(kill(child, SIGTERM));
  memset(&info, 0, sizeof info);
  equal("waitid WNOWAIT", waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
  ok("si_code killed",
     info.si_code == CLD_KILLED && info.si_status == SIGTERM && info.si_signo == SIGCHLD);
  struct rusage usage;
  memset(&usage, 0xff, sizeof usage);
  equal("wait4", wait4(child, &status, 0, &usage), child);
  ok("usage filled", usage.ru_maxrss >= 0 && usage.ru_utime.tv_usec >= 0);
  ok("WIFSIGNALED", WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
  fails("reaped", waitpid(child, NULL, 0), ECHILD);

  child = must(fork());
  if (child == 0) {
    setpgid(0, 0);
    _exit(1);
  }
  setpgid(child, child);
  fails("not in our group", waitpid(0, NULL, 0), ECHILD);
  equal("in its own", waitpid(-child, &status, 0), child);
  child = must(fork());
  if (child == 0) _exit(300);
  exits("status is eight bits", child, 300 & 255);
  child = must(fork());
  if (child == 0) _exit(0);
  fails("bad status pointer", wait4(child, (int*)16, 0, NULL), EFAULT);
  return finish();
}
