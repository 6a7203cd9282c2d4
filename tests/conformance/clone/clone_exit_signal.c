// SPDX-License-Identifier: MIT
// CONTRACT: B66 B65 G8
//
// The low byte of the flags is the signal to the parent; a child with another signal than SIGCHLD
// is only found with __WCLONE or __WALL; 0 sends nothing; exec turns it into SIGCHLD.
#include "check.h"

static volatile sig_atomic_t usr1, chld;
static void on_signal(int number) {
  usr1 += number == SIGUSR1;
  chld += number == SIGCHLD;
}

int main(int argc, char** argv) {
  if (argc > 1) return 3;
  handle(SIGUSR1, on_signal, SA_RESTART);
  handle(SIGCHLD, on_signal, SA_RESTART);
  pid_t child = must(raw_clone(SIGUSR1, NULL, NULL));
  if (child == 0) syscall(SYS_exit_group, 1);
  while (usr1 == 0) sched_yield();
  equal("SIGUSR1 arrived", usr1, 1);
  equal("no SIGCHLD", chld, 0);
  fails("plain wait does not see it", waitpid(-1, NULL, WNOHANG), ECHILD);
  int status = 0;
  equal("__WCLONE does", waitpid(-1, &status, __WCLONE), child);
  equal("status", status, 1 << 8);

  child = must(raw_clone(0, NULL, NULL));
  if (child == 0) syscall(SYS_exit_group, 2);
  exits("__WALL finds the silent one", child, 2);
  equal("nothing was sent", usr1 + chld, 1);

  child = must(raw_clone(SIGCHLD, NULL, NULL));
  if (child == 0) syscall(SYS_exit_group, 0);
  while (stat_field(child, 3) != 'Z') sched_yield();
  fails("__WCLONE does not see a normal child", waitpid(-1, NULL, __WCLONE), ECHILD);
  exits("normal child", child, 0);
  equal("SIGCHLD for it", chld, 1);

  child = must(raw_clone(SIGUSR1, NULL, NULL));
  if (child == 0) {
    char* arguments[] = {argv[0], "again", NULL};
    execv(argv[0], arguments);
    _exit(98);
  }
  status = 0;
  while (waitpid(child, &status, 0) == -1 && (errno == ECHILD || errno == EINTR)) sched_yield();
  equal("after exec a plain wait finds it", status, 3 << 8);
  equal("SIGCHLD instead", chld, 2);
  equal("no second SIGUSR1", usr1, 1);
  return finish();
}
