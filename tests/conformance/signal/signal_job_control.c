// SPDX-License-Identifier: MIT
// CONTRACT: G8 issue-2
//
// Stop and continue: a stopped process does not run, keeps signals pending, SIGKILL and SIGCONT
// reach it; SIGCONT discards pending stops and the reverse.
#include "check.h"

static volatile sig_atomic_t cont;
static void on_cont(int number) { (void)number, cont++; }

int main(void) {
  volatile int* counter = shared_memory(4096);
  pid_t child = must(fork());
  if (child == 0) {
    handle(SIGCONT, on_cont, 0);
    for (;;) {
      counter[0]++;
      counter[1] = cont;
    }
  }
  int status;
  while (counter[0] == 0) sched_yield();
  must(kill(child, SIGSTOP));
  must(waitpid(child, &status, WUNTRACED));
  equal("state T", stat_field(child, 3), 'T');
  int before = counter[0];
  for (int turn = 0; turn < 100; turn++) sched_yield();
  equal("does not run", counter[0], before);
  must(kill(child, SIGTERM));
  equal("SIGTERM waits", waitpid(child, &status, WNOHANG), 0);
  must(kill(child, SIGCONT));
  killed_by("and takes effect on SIGCONT", child, SIGTERM);

  child = must(fork());
  if (child == 0) {
    handle(SIGCONT, on_cont, 0);
    block(SIGTSTP);
    raise(SIGTSTP);
    equal("stop pending", is_pending(SIGTSTP), 1);
    raise(SIGCONT);
    equal("SIGCONT discards it", is_pending(SIGTSTP), 0);
    equal("its handler ran", cont, 1);
    block(SIGCONT);
    raise(SIGCONT);
    equal("SIGCONT pending", is_pending(SIGCONT), 1);
    raise(SIGTSTP);
    equal("stop discards it", is_pending(SIGCONT), 0);
    _exit(check_failures);
  }
  exits("child", child, 0);

  child = must(fork());
  if (child == 0) {
    handle(SIGTSTP, on_cont, 0);
    raise(SIGTSTP);
    _exit(cont == 1 ? 0 : 1);
  }
  exits("SIGTSTP can be caught", child, 0);
  return finish();
}
