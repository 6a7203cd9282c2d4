// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// #! scripts: interpreter, its one optional argument, the script's path, then the rest.
#include "check.h"

int main(int argc, char** argv) {
  char self[256], text[512];
  ssize_t length = must(readlink("/proc/self/exe", self, sizeof self - 1));
  self[length] = '\0';
  if (argc > 1) {
    for (int index = 1; index < argc; index++) say("argument %d: %s", index, argv[index]);
    ok("argv[0] is the interpreter", strcmp(argv[0], self) == 0);
    return check_failures;
  }
  struct {
    const char *name, *first_line, *rest;
  } scripts[] = {
      {"plain", "#!%s\nbody\n", "no argument"},
      {"one", "#!%s one\nbody\n", "one argument"},
      {"spaces", "#!  %s   two words  \nbody", "blanks trimmed, words kept together"},
      {"unterminated", "#!%s", "no newline at the end"},
  };
  for (size_t index = 0; index < sizeof scripts / sizeof *scripts; index++) {
    say("script %s", scripts[index].rest);
    int size = snprintf(text, sizeof text, scripts[index].first_line, self);
    spill(scripts[index].name, text, (size_t)size, 0755);
    pid_t child = must(fork());
    if (child == 0) {
      char path[64];
      snprintf(path, sizeof path, "./%s", scripts[index].name);
      char* arguments[] = {"ignored", "first", "second", NULL};
      execv(path, arguments);
      _exit(98);
    }
    exits("script", child, 0);
  }
  spill("outer", "#!./plain mid\n", 14, 0755);
  pid_t child = must(fork());
  if (child == 0) {
    char* arguments[] = {"ignored", "last", NULL};
    execv("./outer", arguments);
    _exit(98);
  }
  exits("script of a script", child, 0);
  return finish();
}
