// SPDX-License-Identifier: MIT
// CONTRACT: G8 B60
//
// A group with a stopped member that becomes orphaned gets SIGHUP and SIGCONT; in an orphaned
// group SIGTSTP does not stop, SIGSTOP does.
#include <sys/prctl.h>

#include "check.h"

static volatile sig_atomic_t hup, cont;
static void on_signal(int number) {
  hup += number == SIGHUP;
  cont += number == SIGCONT;
}

int main(void) {
  must(prctl(PR_SET_CHILD_SUBREAPER, 1));
  pid_t* numbers = shared_memory(4096);
  struct gate ready = gate_make();
  pid_t shell = must(fork());
  if (shell == 0) {
    must(setsid());
    pid_t job = must(fork());
    if (job == 0) {
      must(setpgid(0, 0));
      handle(SIGHUP, on_signal, 0);
      handle(SIGCONT, on_signal, 0);
      numbers[0] = getpid();
      gate_open(ready);
      raise(SIGSTOP);
      while (hup == 0 || cont == 0) sched_yield();
      signal(SIGTSTP, SIG_DFL);
      raise(SIGTSTP);
      _exit(14);
    }
    gate_wait(ready);
    must(waitpid(job, NULL, WUNTRACED));
    _exit(0);
  }
  exits("shell ends", shell, 0);
  exits("job got SIGHUP and SIGCONT, and SIGTSTP was ignored", numbers[0], 14);
  return finish();
}
