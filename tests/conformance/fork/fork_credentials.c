// SPDX-License-Identifier: MIT
// CONTRACT: A7 C10 E16
//
// User and group ids and supplementary groups are inherited; changes in the child stay there.
#include <grp.h>

#include "check.h"

int main(void) {
  gid_t groups[3] = {11, 22, 33}, back[8];
  must(setgroups(3, groups));
  must(setegid(44));
  pid_t child = must(fork());
  if (child == 0) {
    equal("group count inherited", getgroups(8, back), 3);
    ok("groups inherited", memcmp(groups, back, sizeof groups) == 0);
    equal("egid inherited", getegid(), 44);
    must(setegid(0));
    must(setgroups(0, NULL));
    must(setgid(1000));
    must(setuid(1000));
    uid_t real, effective, saved;
    must(getresuid(&real, &effective, &saved));
    ok("setuid by root sets all three", real == 1000 && effective == 1000 && saved == 1000);
    fails("no way back", setuid(0), EPERM);
    fails("setgroups needs privilege", setgroups(1, groups), EPERM);
    pid_t grandchild = must(fork());
    if (grandchild == 0) _exit(getuid() == 1000 && getgid() == 1000 ? 0 : 1);
    exits("grandchild keeps the uid", grandchild, 0);
    _exit(check_failures);
  }
  exits("child", child, 0);
  equal("parent's uid unchanged", getuid(), 0);
  equal("parent's egid unchanged", getegid(), 44);
  equal("parent's groups unchanged", getgroups(8, back), 3);
  return finish();
}
