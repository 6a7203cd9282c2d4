// SPDX-License-Identifier: MIT
// CONTRACT: E16 issue-2
//
// A set-user-id program runs with its owner's effective id, AT_SECURE set and dumpable off.
#include <sys/auxv.h>
#include <sys/prctl.h>

#include "check.h"

int main(int argc, char** argv) {
  if (argc > 1) {
    uid_t real, effective, saved;
    must(getresuid(&real, &effective, &saved));
    ok("ids", real == 1000 && effective == 0 && saved == 0);
    equal("AT_SECURE", (long)getauxval(AT_SECURE), 1);
    ok("not dumpable", prctl(PR_GET_DUMPABLE) != 1);
    return check_failures;
  }
  static char image[4 << 20];
  int self = must(open(argv[0], O_RDONLY));
  ssize_t size = must(read(self, image, sizeof image));
  spill("privileged", image, (size_t)size, 04755);
  pid_t child = must(fork());
  if (child == 0) {
    must(setgid(1000));
    must(setuid(1000));
    char* arguments[] = {"privileged", "again", NULL};
    execv("./privileged", arguments);
    _exit(98);
  }
  exits("program", child, 0);
  return finish();
}
