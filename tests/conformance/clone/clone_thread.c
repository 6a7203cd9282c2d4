// SPDX-License-Identifier: MIT
// CONTRACT: B72 E38 E13 G3
//
// A CLONE_THREAD task shares getpid, has its own gettid, cannot be waited for, and clears and
// wakes its tid word when it ends; exit_group from it ends the whole process.
#include "check.h"

static char stack[65536] __attribute__((aligned(16)));
static volatile int tid_word = -1;
static volatile long seen_pid, seen_tid;
enum {
  thread_flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM
};

static int thread_main(void* argument) {
  (void)argument;
  seen_pid = syscall(SYS_getpid);
  seen_tid = syscall(SYS_gettid);
  return 0;
}

static int ends_all(void* argument) {
  (void)argument;
  syscall(SYS_exit_group, 33);
  return 0;
}

int main(void) {
  pid_t thread =
      must(clone_on_stack(thread_flags | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID,
                          stack + sizeof stack, thread_main, NULL, NULL, (int*)&tid_word, NULL));
  for (int value; (value = tid_word) != 0;) syscall(SYS_futex, &tid_word, 0, value, NULL, NULL, 0);
  equal("same process", seen_pid, getpid());
  equal("own tid is the result", seen_tid, thread);
  ok("differs from the leader", seen_tid != getpid());
  fails("a thread is no child", waitpid(thread, NULL, __WALL), ECHILD);
  pid_t child = must(fork());
  if (child == 0) {
    must(clone_on_stack(thread_flags, stack + sizeof stack, ends_all, NULL, NULL, NULL, NULL));
    for (;;) pause();
  }
  exits("exit_group from a thread", child, 33);
  return finish();
}
