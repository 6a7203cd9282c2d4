// SPDX-License-Identifier: MIT
// CONTRACT: D29 G10
//
// posix_spawn (vfork + exec) with file actions and attributes, a hundred times.
#include <spawn.h>

#include "check.h"

int main(int argc, char** argv) {
  if (argc > 1) {
    char byte = 0;
    int good = read(0, &byte, 1) == 1 && byte == 'q' && getpgrp() == getpid();
    return good ? 6 : 7;
  }
  spill("input", "q", 1, 0644);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "input", O_RDONLY, 0);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  char* arguments[] = {argv[0], "again", NULL};
  char* environment[] = {NULL};
  int good = 0;
  for (int turn = 0; turn < 100; turn++) {
    pid_t child;
    int status = 0;
    if (posix_spawn(&child, argv[0], &actions, &attributes, arguments, environment) != 0) continue;
    good += waitpid(child, &status, 0) == child && status == 6 << 8;
  }
  equal("a hundred spawned", good, 100);
  pid_t child;
  equal("failure is reported", posix_spawn(&child, "/no/such", NULL, NULL, arguments, environment),
        ENOENT);
  return finish();
}
