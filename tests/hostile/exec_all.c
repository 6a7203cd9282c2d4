// SPDX-License-Identifier: MIT
//
// Executes every file of a directory, one after another, as an unprivileged user: the files are
// damaged programs (tests/suites/hostile makes them). Each may be refused, die or even run; the
// parent must go on with a working fork, exec and wait, which it shows at the end by executing
// itself. A file that runs on is killed after two seconds. Prints how many files ended in which
// way, and "alive" last.
//
//   exec_all DIRECTORY
#include <dirent.h>
#include <poll.h>
#include <sys/resource.h>

#include "check.h"

static int refused, killed, exited, overstayed;

static void run_file(const char* path) {
  pid_t child = (pid_t)must(fork());
  if (child == 0) {
    struct rlimit space = {256 << 20, 256 << 20}, none = {0, 0};
    setrlimit(RLIMIT_AS, &space);
    setrlimit(RLIMIT_CORE, &none);
    int sink = open("/dev/null", O_RDWR);
    for (int descriptor = 0; descriptor < 3; descriptor++) dup2(sink, descriptor);
    if (setgid(1000) == -1 || setuid(1000) == -1) _exit(97);
    char* arguments[] = {"damaged", NULL};
    char* environment[] = {NULL};
    execve(path, arguments, environment);
    _exit(99);
  }
  int status = 0;
  long long deadline = now_ns(CLOCK_MONOTONIC) + 2000000000LL;
  while (waitpid(child, &status, WNOHANG) == 0) {
    poll(NULL, 0, 1);
    if (now_ns(CLOCK_MONOTONIC) < deadline) continue;
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    overstayed++;
    return;
  }
  if (WIFSIGNALED(status)) {
    killed++;
  } else if (WEXITSTATUS(status) == 99) {
    refused++;
  } else {
    exited++;
  }
}

int main(int argc, char** argv) {
  if (argc < 2) return 0;  // executed by itself, to show that a good program still runs
  DIR* listing = opendir(argv[1]);
  must(listing == NULL ? -1 : 0);
  char path[512];
  for (struct dirent* entry; (entry = readdir(listing)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
    run_file(path);
  }
  say("refused %d killed %d exited %d overstayed %d", refused, killed, exited, overstayed);
  pid_t child = (pid_t)must(fork());
  if (child == 0) {
    char* arguments[] = {argv[0], NULL};
    execv(argv[0], arguments);
    _exit(98);
  }
  exits("a good program", child, 0);
  say("alive");
  return check_failures;
}
