// SPDX-License-Identifier: MIT
// CONTRACT: A22 B36
//
// cwd, root and umask are copied: what the child does to them does not move the parent, and a
// removed working directory stays usable.
#include "check.h"

int main(void) {
  char before[256], after[256];
  must(umask(027));
  must((long)getcwd(before, sizeof before));
  must(mkdir("inner", 0755));
  pid_t child = must(fork());
  if (child == 0) {
    equal("umask inherited", umask(077), 027);
    must((long)getcwd(after, sizeof after));
    ok("cwd inherited", strcmp(before, after) == 0);
    must(chdir("inner"));
    must(rmdir("../inner"));
    ok("removed cwd has no path", getcwd(after, sizeof after) == NULL && errno == ENOENT);
    struct stat status;
    equal("removed cwd can be stat'ed", stat(".", &status), 0);
    fails("nothing can be made there", open("file", O_CREAT | O_WRONLY, 0644), ENOENT);
    must(chdir("/tmp"));
    must(chroot("/tmp"));
    must(chdir("/"));
    must((long)getcwd(after, sizeof after));
    ok("own root", strcmp(after, "/") == 0);
    fails("outside is gone", open("/proc/self/stat", O_RDONLY), ENOENT);
    equal(".. of root is root", chdir(".."), 0);
    must((long)getcwd(after, sizeof after));
    ok("still own root", strcmp(after, "/") == 0);
    _exit(check_failures);
  }
  exits("child", child, 0);
  must((long)getcwd(after, sizeof after));
  ok("parent's cwd unchanged", strcmp(before, after) == 0);
  ok("parent's root unchanged", access("/proc/self/stat", R_OK) == 0);
  equal("parent's umask unchanged", umask(022), 027);
  return finish();
}
