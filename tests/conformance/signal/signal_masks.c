// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// sigprocmask, sigpending, sigsuspend; SIGKILL and SIGSTOP cannot be blocked, caught or ignored.
#include "check.h"

static volatile sig_atomic_t hits;
static volatile sig_atomic_t mask_in_handler;
static void on_signal(int number) {
  sigset_t mask;
  sigprocmask(SIG_SETMASK, NULL, &mask);
  mask_in_handler = sigismember(&mask, number) * 2 + sigismember(&mask, SIGUSR2);
  hits++;
}

int main(void) {
  handle(SIGUSR1, on_signal, 0);
  block(SIGUSR1);
  raise(SIGUSR1);
  raise(SIGUSR1);
  equal("blocked", hits, 0);
  equal("pending", is_pending(SIGUSR1), 1);
  unblock(SIGUSR1);
  equal("delivered once", hits, 1);
  equal("own signal masked in handler", mask_in_handler, 2);
  sigset_t mask;
  must(sigprocmask(SIG_SETMASK, NULL, &mask));
  equal("mask restored", sigismember(&mask, SIGUSR1), 0);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_signal;
  sigaddset(&action.sa_mask, SIGUSR2);
  must(sigaction(SIGUSR1, &action, NULL));
  raise(SIGUSR1);
  equal("sa_mask added", mask_in_handler, 3);
  handle(SIGUSR1, on_signal, SA_NODEFER);
  raise(SIGUSR1);
  equal("SA_NODEFER", mask_in_handler, 0);
  handle(SIGUSR1, on_signal, SA_RESETHAND);
  raise(SIGUSR1);
  must(sigaction(SIGUSR1, NULL, &action));
  ok("SA_RESETHAND", action.sa_handler == SIG_DFL);
  handle(SIGUSR1, on_signal, 0);
  block(SIGUSR1);
  raise(SIGUSR1);
  hits = 0;
  sigemptyset(&mask);
  fails("sigsuspend", sigsuspend(&mask), EINTR);
  equal("handler ran during it", hits, 1);
  must(sigprocmask(SIG_SETMASK, NULL, &mask));
  equal("mask back after it", sigismember(&mask, SIGUSR1), 1);
  uint64_t all = ~0ULL, seen = 0;
  must(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8));
  must(syscall(SYS_rt_sigprocmask, SIG_SETMASK, NULL, &seen, 8));
  ok("KILL and STOP never blocked",
     seen == (~0ULL & ~(1ULL << (SIGKILL - 1)) & ~(1ULL << (SIGSTOP - 1))));
  fails("bad how", syscall(SYS_rt_sigprocmask, 9, &all, NULL, 8), EINVAL);
  fails("bad size", syscall(SYS_rt_sigprocmask, 0, &all, NULL, 4), EINVAL);
  fails("bad pointer", syscall(SYS_rt_sigprocmask, 0, 8, NULL, 8), EFAULT);
  memset(&action, 0, sizeof action);
  action.sa_handler = SIG_IGN;
  fails("SIGKILL", sigaction(SIGKILL, &action, NULL), EINVAL);
  fails("SIGSTOP", sigaction(SIGSTOP, &action, NULL), EINVAL);
  fails("signal 0", sigaction(0, &action, NULL), EINVAL);
  fails("signal 65", syscall(SYS_rt_sigaction, 65, NULL, NULL, 8), EINVAL);
  return finish();
}
