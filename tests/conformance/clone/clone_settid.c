// SPDX-License-Identifier: MIT
// CONTRACT: C18 D28 E86 G3
//
// CLONE_PARENT_SETTID and CLONE_CHILD_SETTID store the number before clone returns on either side;
// CLONE_CHILD_CLEARTID zeroes and wakes at exit; a bad parent pointer is ignored.
#include "check.h"

static char stack[65536] __attribute__((aligned(16)));
static int end_at_once(void* argument) {
  (void)argument;
  return 0;
}

int main(void) {
  int* cells = shared_memory(4096);
  pid_t child =
      must(raw_clone(SIGCHLD | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID, &cells[0], &cells[1]));
  if (child == 0)
    syscall(SYS_exit, cells[0] == syscall(SYS_gettid) && cells[1] == cells[0] ? 0 : 1);
  equal("parent's cell", cells[0], child);
  exits("child saw both at once", child, 0);
  equal("child's cell kept without CLEARTID", cells[1], child);

  child = must(
      clone_on_stack(SIGCHLD | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_VM | CLONE_VFORK,
                     stack + sizeof stack, end_at_once, NULL, NULL, &cells[2], NULL));
  exits("vfork-like child", child, 0);
  equal("cleared when memory was shared", cells[2], 0);

  child = must(raw_clone(SIGCHLD | CLONE_PARENT_SETTID, (int*)16, NULL));
  if (child == 0) syscall(SYS_exit, 4);
  exits("bad parent pointer ignored", child, 4);
  child = must(raw_clone(SIGCHLD | CLONE_CHILD_SETTID, NULL, (int*)16));
  if (child == 0) syscall(SYS_exit, 5);
  exits("bad child pointer ignored", child, 5);

  int private_cell = -1;
  child = must(raw_clone(SIGCHLD | CLONE_CHILD_SETTID, NULL, &private_cell));
  if (child == 0) syscall(SYS_exit, private_cell == syscall(SYS_gettid) ? 0 : 1);
  exits("private cell set in the child", child, 0);
  equal("and not in the parent", private_cell, -1);
  return finish();
}
