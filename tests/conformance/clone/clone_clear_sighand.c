// SPDX-License-Identifier: MIT
// CONTRACT: G2
//
// CLONE_CLEAR_SIGHAND resets handlers in the child and leaves what is ignored.
#include "check.h"

static void on_signal(int number) { (void)number; }

int main(void) {
  handle(SIGUSR1, on_signal, 0);
  signal(SIGUSR2, SIG_IGN);
  struct clone3_arguments arguments;
  memset(&arguments, 0, sizeof arguments);
  arguments.flags = CLONE_CLEAR_SIGHAND;
  arguments.exit_signal = SIGCHLD;
  pid_t child = must(raw_clone3(&arguments, sizeof arguments));
  if (child == 0) {
    struct sigaction action;
    must(sigaction(SIGUSR1, NULL, &action));
    ok("handler reset", action.sa_handler == SIG_DFL);
    must(sigaction(SIGUSR2, NULL, &action));
    ok("ignored stays", action.sa_handler == SIG_IGN);
    _exit(check_failures);
  }
  exits("child", child, 0);
  return finish();
}
