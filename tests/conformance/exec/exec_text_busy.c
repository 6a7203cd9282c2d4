// SPDX-License-Identifier: MIT
// CONTRACT: A22 D16
//
// A running program's file cannot be opened for writing by anybody; it can be replaced by rename
// and unlinked; it is writable again when the last process that runs it is gone.
#include "check.h"

int main(int argc, char** argv) {
  if (argc > 1) {
    char byte;
    gate_open((struct gate){{30, 31}});
    return read(32, &byte, 1) == 1 ? 0 : 1;
  }
  static char image[4 << 20];
  int self = must(open(argv[0], O_RDONLY));
  ssize_t size = must(read(self, image, sizeof image));
  spill("copy", image, (size_t)size, 0755);
  struct gate up = gate_make(), down = gate_make();
  must(dup2(up.ends[1], 31));
  must(dup2(down.ends[0], 32));
  pid_t child = must(fork());
  if (child == 0) {
    char* arguments[] = {"copy", "again", NULL};
    execv("./copy", arguments);
    _exit(98);
  }
  gate_wait(up);
  fails("open for writing", open("copy", O_WRONLY), ETXTBSY);
  fails("truncate", truncate("copy", 0), ETXTBSY);
  int reader = must(open("copy", O_RDONLY));
  equal("open for reading", reader >= 0, 1);
  must(rename("copy", "moved"));
  fails("still busy under another name", open("moved", O_RDWR), ETXTBSY);
  char link[64], where[256];
  snprintf(link, sizeof link, "/proc/%d/exe", child);
  ssize_t length = must(readlink(link, where, sizeof where - 1));
  where[length] = '\0';
  ok("exe follows the rename", strstr(where, "/moved") != NULL);
  must(unlink("moved"));
  length = must(readlink(link, where, sizeof where - 1));
  where[length] = '\0';
  ok("exe says deleted", strstr(where, "/moved (deleted)") != NULL);
  gate_open(down);
  exits("runs to its end", child, 0);
  spill("copy", image, (size_t)size, 0755);
  ok("writable when nobody runs it", open("copy", O_WRONLY) >= 0);
  return finish();
}
