// SPDX-License-Identifier: MIT
// CONTRACT: B45 G10 A7
//
// exec resets handlers, keeps ignored signals, the mask, pending signals and alarms; the
// alternate stack is gone.
#include "check.h"

static void on_signal(int number) { (void)number; }

static int second(void) {
  struct sigaction action;
  must(sigaction(SIGUSR1, NULL, &action));
  ok("handler reset", action.sa_handler == SIG_DFL);
  must(sigaction(SIGUSR2, NULL, &action));
  ok("ignored stays ignored", action.sa_handler == SIG_IGN);
  sigset_t mask;
  must(sigprocmask(SIG_SETMASK, NULL, &mask));
  ok("mask kept", sigismember(&mask, SIGTERM) && !sigismember(&mask, SIGINT));
  equal("pending kept", is_pending(SIGTERM), 1);
  stack_t current;
  must(sigaltstack(NULL, &current));
  equal("no alternate stack", current.ss_flags, SS_DISABLE);
  ok("alarm kept", alarm(0) > 50);
  return check_failures;
}

int main(int argc, char** argv) {
  if (argc > 1) return second();
  pid_t child = must(fork());
  if (child == 0) {
    static char alternate[16384];
    stack_t own = {.ss_sp = alternate, .ss_size = sizeof alternate};
    must(sigaltstack(&own, NULL));
    handle(SIGUSR1, on_signal, SA_ONSTACK);
    signal(SIGUSR2, SIG_IGN);
    block(SIGTERM);
    raise(SIGTERM);
    alarm(100);
    char* arguments[] = {argv[0], "again", NULL};
    execv(argv[0], arguments);
    _exit(98);
  }
  exits("program", child, 0);
  return finish();
}
