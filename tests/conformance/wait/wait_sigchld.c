// SPDX-License-Identifier: MIT
// CONTRACT: G8 B66
//
// SIGCHLD: what its siginfo says; ignored (or SA_NOCLDWAIT) means no zombies; SA_NOCLDSTOP.
#include "check.h"

static volatile sig_atomic_t count;
static siginfo_t last;
static void on_child(int number, siginfo_t* info, void* context) {
  (void)number, (void)context;
  last = *info;
  count++;
}

// A stop or continue can be waited for a moment before its signal is sent.
static void until(int wanted) {
  while (count < wanted) sched_yield();
}

static void handle_child(int flags) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_child;
  action.sa_flags = SA_SIGINFO | SA_RESTART | flags;
  must(sigaction(SIGCHLD, &action, NULL));
}

int main(void) {
  handle_child(0);
  pid_t child = must(fork());
  if (child == 0) _exit(17);
  exits("child", child, 17);
  equal("one SIGCHLD", count, 1);
  ok("siginfo of an exit", last.si_code == CLD_EXITED && last.si_status == 17 &&
                               last.si_pid == child && last.si_uid == getuid() &&
                               last.si_signo == SIGCHLD);
  child = must(fork());
  if (child == 0) {
    for (;;) pause();
  }
  must(kill(child, SIGSTOP));
  must(waitpid(child, NULL, WUNTRACED));
  until(2);
  equal("SIGCHLD for the stop", count, 2);
  ok("siginfo of a stop", last.si_code == CLD_STOPPED && last.si_status == SIGSTOP);
  must(kill(child, SIGCONT));
  must(waitpid(child, NULL, WCONTINUED));
  until(3);
  equal("SIGCHLD for the continue", count, 3);
  handle_child(SA_NOCLDSTOP);
  must(kill(child, SIGSTOP));
  must(waitpid(child, NULL, WUNTRACED));
  equal("SA_NOCLDSTOP: none for a stop", count, 3);
  must(kill(child, SIGKILL));
  killed_by("killed while stopped", child, SIGKILL);
  equal("one for the death", count, 4);
  ok("siginfo of a kill", last.si_code == CLD_KILLED && last.si_status == SIGKILL);

  signal(SIGCHLD, SIG_IGN);
  child = must(fork());
  if (child == 0) _exit(1);
  fails("ignored: waits, then ECHILD", waitpid(child, NULL, 0), ECHILD);
  fails("and it is gone", kill(child, 0), ESRCH);
  handle_child(SA_NOCLDWAIT);
  child = must(fork());
  if (child == 0) _exit(1);
  fails("SA_NOCLDWAIT too", waitpid(child, NULL, 0), ECHILD);
  signal(SIGCHLD, SIG_DFL);
  child = must(fork());
  if (child == 0) _exit(1);
  exits("default keeps the zombie", child, 1);
  return finish();
}
