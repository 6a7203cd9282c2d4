// SPDX-License-Identifier: MIT
// CONTRACT: E86 G5 C22
//
// Group signals and fork: every member made before or during a storm of killpg dies of it.
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "check.h"

// The libraries' own fork may block signals meanwhile; one that comes before the system call and is
// blocked is the parent's alone.
static pid_t plain_fork(void) { return (pid_t)syscall(SYS_fork); }

int main(void) {
  int lost = 0;
  must(prctl(PR_SET_CHILD_SUBREAPER, 1));
  for (int turn = 0; turn < 20; turn++) {
    struct gate ready = gate_make();
    pid_t forker = must(fork());
    if (forker == 0) {
      setpgid(0, 0);
      gate_open(ready);
      for (;;) {
        pid_t child = plain_fork();
        if (child == 0) {
          for (;;) pause();
        }
        if (child == -1) _exit(1);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
      }
    }
    gate_wait(ready);
    for (int delay = 0; delay < turn * 3; delay++) sched_yield();
    must(kill(-forker, SIGTERM));
    int status = 0;
    must(waitpid(forker, &status, 0));
    lost += !(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    // A child that was orphaned comes to us; it must die of the signal, or be dead already.
    while (wait(&status) > 0) lost += !WIFSIGNALED(status);
    close(ready.ends[0]);
    close(ready.ends[1]);
  }
  equal("no fork escaped the signal", lost, 0);
  return finish();
}
