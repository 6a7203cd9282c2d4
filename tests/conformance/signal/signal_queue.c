// SPDX-License-Identifier: MIT
// CONTRACT: C22 issue-2
//
// Real-time signals queue, in order of number and then of arrival, with their values; standard
// signals do not queue and come first.
#include "check.h"

static int seen_numbers[32], seen_values[32];
static volatile sig_atomic_t count;
static void on_signal(int number, siginfo_t* info, void* context) {
  (void)context;
  seen_numbers[count] = number;
  seen_values[count] = info->si_code == SI_QUEUE ? info->si_value.sival_int : -1;
  count++;
}

int main(void) {
  int low = SIGRTMIN + 1, high = SIGRTMIN + 5;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO;
  sigfillset(&action.sa_mask);
  must(sigaction(low, &action, NULL));
  must(sigaction(high, &action, NULL));
  must(sigaction(SIGUSR1, &action, NULL));
  sigset_t all, old;
  sigfillset(&all);
  must(sigprocmask(SIG_BLOCK, &all, &old));
  for (int index = 0; index < 3; index++) {
    must(sigqueue(getpid(), high, (union sigval){.sival_int = 100 + index}));
    must(sigqueue(getpid(), low, (union sigval){.sival_int = index}));
  }
  must(sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 7}));
  must(kill(getpid(), SIGUSR1));
  equal("nothing yet", count, 0);
  pid_t child = must(fork());
  if (child == 0) {
    sigset_t pending;
    must(sigpending(&pending));
    equal("the queue is not inherited", sigismember(&pending, low) + sigismember(&pending, SIGUSR1),
          0);
    _exit(check_failures);
  }
  exits("child", child, 0);
  // The handlers mask everything, so the frames are stacked one per signal on the way out and
  // the order in which handlers run is the order of dequeuing.
  must(sigprocmask(SIG_SETMASK, &old, NULL));
  equal("all queued ones, USR1 once", count, 7);
  equal("standard signal first", seen_numbers[0], SIGUSR1);
  equal("its first value", seen_values[0], 7);
  for (int index = 0; index < 3; index++) {
    ok("low ones in order", seen_numbers[1 + index] == low && seen_values[1 + index] == index);
    ok("high ones in order",
       seen_numbers[4 + index] == high && seen_values[4 + index] == 100 + index);
  }
  fails("no such process", sigqueue(0x3ffffff, low, (union sigval){0}), ESRCH);
  fails("bad number", sigqueue(getpid(), 65, (union sigval){0}), EINVAL);
  return finish();
}
