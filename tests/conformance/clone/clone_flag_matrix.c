// SPDX-License-Identifier: MIT
// CONTRACT: E13 A25 D22 E1
//
// Combinations of clone flags that must be refused with EINVAL, and legal neighbours that work.
#include "check.h"

static void refused(const char* label, unsigned long flags) {
  int parent_tid = -7, child_tid = -7;
  errno = 0;
  pid_t child = raw_clone(flags, &parent_tid, &child_tid);
  if (child == 0) syscall(SYS_exit, 0);
  fails_with(label, child, errno, EINVAL);
  if (parent_tid != -7) ok("parent_tid untouched by a refusal", 0);
}

static void works(const char* label, unsigned long flags) {
  int parent_tid = -7, child_tid = -7;
  pid_t child = raw_clone(flags, &parent_tid, &child_tid);
  if (child == 0) syscall(SYS_exit, 0);
  int status = -1;
  ok(label, child > 0 && waitpid(child, &status, __WALL) == child && status == 0);
}

int main(void) {
  refused("THREAD without SIGHAND", CLONE_THREAD | CLONE_VM);
  refused("SIGHAND without VM", CLONE_SIGHAND | SIGCHLD);
  refused("THREAD without VM", CLONE_THREAD | CLONE_SIGHAND);
  refused("THREAD alone", CLONE_THREAD);
  refused("NEWNS with FS", CLONE_NEWNS | CLONE_FS | SIGCHLD);
  refused("NEWUSER with FS", CLONE_NEWUSER | CLONE_FS | SIGCHLD);
  refused("PIDFD with PARENT_SETTID", CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD);
  refused("PIDFD with DETACHED", CLONE_PIDFD | CLONE_DETACHED | SIGCHLD);
  works("nothing but SIGCHLD", SIGCHLD);
  works("FS and FILES", CLONE_FS | CLONE_FILES | SIGCHLD);
  works("exit signal 0", 0);
  works("SETTIDs", CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD);
  works("UNTRACED, IO, SYSVSEM", CLONE_UNTRACED | CLONE_IO | CLONE_SYSVSEM | SIGCHLD);
  works("PTRACE without a tracer", CLONE_PTRACE | SIGCHLD);
  works("DETACHED is ignored", CLONE_DETACHED | SIGCHLD);
  fails("no child is left", waitpid(-1, NULL, __WALL), ECHILD);
  return finish();
}
