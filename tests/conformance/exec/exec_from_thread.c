// SPDX-License-Identifier: MIT
// CONTRACT: G10 B72
//
// exec in a thread ends all other threads; the caller takes over the process number, whoever it
// was, and the parent sees one process that goes on.
#include <pthread.h>

#include "check.h"

static char* program;
static char number[16];

static void* forever(void* unused) {
  (void)unused;
  for (;;) pause();
  return NULL;
}

static void* exec_here(void* unused) {
  (void)unused;
  char* arguments[] = {program, number, NULL};
  execv(program, arguments);
  _exit(98);
}

int main(int argc, char** argv) {
  if (argc > 1) {
    equal("process number stays", getpid(), atoi(argv[1]));
    equal("tid is pid", syscall(SYS_gettid), getpid());
    char path[64], text[256];
    snprintf(path, sizeof path, "/proc/%d/task", getpid());
    struct stat status;
    must(stat(path, &status));
    equal("one thread is left", (long)status.st_nlink, 3);
    equal("and stat says so", stat_field(getpid(), 20), 1);
    must(slurp("/proc/self/comm", text, sizeof text));
    ok("name", strcmp(text, "exec_from_threa\n") == 0);
    return check_failures == 0 ? 44 : 1;
  }
  program = argv[0];
  pid_t child = must(fork());
  if (child == 0) {
    snprintf(number, sizeof number, "%d", getpid());
    pthread_t threads[5];
    for (int index = 0; index < 4; index++) pthread_create(&threads[index], NULL, forever, NULL);
    pthread_create(&threads[4], NULL, exec_here, NULL);
    for (;;) pause();
  }
  exits("the process ends once, with the new program's status", child, 44);
  fails("nothing else to wait for", waitpid(-1, NULL, __WALL), ECHILD);
  return finish();
}
