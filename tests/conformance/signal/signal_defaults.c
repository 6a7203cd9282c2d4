// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// The default action of every signal, and the core flag where it belongs.
#include <sys/resource.h>

#include "check.h"

int main(void) {
  struct rlimit none = {0, 0};
  must(setrlimit(RLIMIT_CORE, &none));
  for (int number = 1; number <= 64; number++) {
    if (number == 32 || number == 33 || number == 34) continue;  // the C library's own
    pid_t child = must(fork());
    if (child == 0) {
      setpgid(0, 0);
      sigset_t empty;
      sigemptyset(&empty);
      sigprocmask(SIG_SETMASK, &empty, NULL);
      syscall(SYS_kill, getpid(), number);
      _exit(100);
    }
    int status = 0;
    must(waitpid(child, &status, WUNTRACED));
    if (WIFSTOPPED(status)) {
      say("signal %d stops: %d", number, WSTOPSIG(status) == number);
      must(kill(child, SIGKILL));
      must(waitpid(child, NULL, 0));
    } else if (WIFSIGNALED(status)) {
      say("signal %d kills: %d", number, WTERMSIG(status) == number);
    } else {
      say("signal %d is ignored: %d", number, WEXITSTATUS(status));
    }
    int stops = number == SIGSTOP || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;
    int ignored = number == SIGCHLD || number == SIGCONT || number == SIGURG || number == SIGWINCH;
    // TSTP, TTIN and TTOU stop: the child's group has a parent in the same session.
    ok("as documented", stops     ? WIFSTOPPED(status)
                        : ignored ? WIFEXITED(status)
                                  : WIFSIGNALED(status));
  }
  return finish();
}
