// SPDX-License-Identifier: MIT
// CONTRACT: G10 B43
//
// O_CLOEXEC descriptors are closed by exec, others stay with their offset; a shared table is
// unshared first, so the other process keeps its own.
#include "check.h"

static char stack[65536] __attribute__((aligned(16)));
static char* program;

static int exec_in_child(void* unused) {
  (void)unused;
  char* arguments[] = {program, "again", NULL};
  execv(program, arguments);
  return 98;
}

int main(int argc, char** argv) {
  if (argc > 1) {
    char byte = 0;
    fails("close-on-exec is closed", fcntl(40, F_GETFD), EBADF);
    fails("F_DUPFD_CLOEXEC too", fcntl(42, F_GETFD), EBADF);
    equal("the other is open", fcntl(41, F_GETFD), 0);
    equal("with its offset", read(41, &byte, 1) == 1 && byte == '4', 1);
    return check_failures;
  }
  program = argv[0];
  spill("data", "0123456789", 10, 0644);
  int file = must(open("data", O_RDONLY));
  for (int turn = 0; turn < 2; turn++) {
    must(dup3(file, 40, O_CLOEXEC));
    must(dup2(file, 41));
    must(fcntl(file, F_DUPFD_CLOEXEC, 42));
    must(lseek(file, 4, SEEK_SET));
    pid_t child;
    if (turn == 0) {
      child = must(fork());
      if (child == 0) _exit(exec_in_child(NULL));
    } else {
      child = must(clone_on_stack(CLONE_FILES | SIGCHLD, stack + sizeof stack, exec_in_child, NULL,
                                  NULL, NULL, NULL));
    }
    exits("program", child, 0);
    equal("ours is still open", fcntl(40, F_GETFD), FD_CLOEXEC);
  }
  return finish();
}
