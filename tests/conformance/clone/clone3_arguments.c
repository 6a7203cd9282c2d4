// SPDX-License-Identifier: MIT
// CONTRACT: G1 D21 E1 E13
//
// clone3's argument checks: sizes, unknown tails, stack pairs, exit signals, set_tid.
#include "check.h"

static struct clone3_arguments plain(void) {
  struct clone3_arguments arguments;
  memset(&arguments, 0, sizeof arguments);
  arguments.exit_signal = SIGCHLD;
  return arguments;
}

static void refused(const char* label, struct clone3_arguments* arguments, size_t size, int want) {
  errno = 0;
  pid_t child = raw_clone3(arguments, size);
  if (child == 0) syscall(SYS_exit, 0);
  fails_with(label, child, errno, want);
  if (child > 0) waitpid(child, NULL, __WALL);
}

static void works(const char* label, struct clone3_arguments* arguments, size_t size) {
  pid_t child = raw_clone3(arguments, size);
  if (child == 0) syscall(SYS_exit, 21);
  int status = -1;
  ok(label, child > 0 && waitpid(child, &status, __WALL) == child && status == 21 << 8);
}

int main(void) {
  struct clone3_arguments a = plain();
  refused("size 0", &a, 0, EINVAL);
  refused("size 63", &a, 63, EINVAL);
  works("size 64", &a, 64);
  works("size 80", &a, 80);
  works("size 88", &a, 88);
  refused("size above a page", &a, 5000, E2BIG);
  struct {
    struct clone3_arguments head;
    uint64_t tail[4];
  } longer = {plain(), {0}};
  works("longer with zero tail", &longer.head, sizeof longer);
  longer.tail[3] = 1;
  refused("longer with a bit in the tail", &longer.head, sizeof longer, E2BIG);
  refused("bad pointer", (void*)16, 88, EFAULT);
  a = plain(), a.exit_signal = 65;
  refused("exit signal 65", &a, 88, EINVAL);
  a = plain(), a.exit_signal = 0x100 | SIGCHLD;
  refused("exit signal above a byte", &a, 88, EINVAL);
  a = plain(), a.flags = SIGCHLD;
  refused("signal bits in flags", &a, 88, EINVAL);
  a = plain(), a.flags = CLONE_DETACHED;
  refused("DETACHED", &a, 88, EINVAL);
  a = plain(), a.flags = 1ULL << 40;
  refused("unknown flag", &a, 88, EINVAL);
  a = plain(), a.stack = (uintptr_t)&a;
  refused("stack without size", &a, 88, EINVAL);
  a = plain(), a.stack_size = 4096;
  refused("size without stack", &a, 88, EINVAL);
  a = plain(), a.stack = 1UL << 60, a.stack_size = 1 << 20;
  refused("stack outside user space", &a, 88, EINVAL);
  a = plain(), a.flags = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;
  refused("THREAD with an exit signal", &a, 88, EINVAL);
  a = plain(), a.flags = CLONE_PARENT;
  refused("PARENT with an exit signal", &a, 88, EINVAL);
  a = plain(), a.flags = CLONE_SIGHAND;
  refused("SIGHAND without VM", &a, 88, EINVAL);
  a = plain(), a.flags = CLONE_SIGHAND | CLONE_VM | CLONE_CLEAR_SIGHAND;
  refused("SIGHAND with CLEAR_SIGHAND", &a, 88, EINVAL);
  int tid[2] = {0, 0};
  a = plain(), a.set_tid = (uintptr_t)tid;
  refused("set_tid without size", &a, 88, EINVAL);
  a = plain(), a.set_tid_size = 1;
  refused("set_tid_size without array", &a, 88, EINVAL);
  a = plain(), a.set_tid = (uintptr_t)tid, a.set_tid_size = 33;
  refused("set_tid too deep", &a, 88, EINVAL);
  a = plain(), a.set_tid = (uintptr_t)tid, a.set_tid_size = 1;
  refused("set_tid of 0", &a, 88, EINVAL);
  tid[0] = getpid();
  refused("set_tid of a live process", &a, 88, EEXIST);
  fails("no child is left", waitpid(-1, NULL, __WALL), ECHILD);
  return finish();
}
