// SPDX-License-Identifier: MIT
// CONTRACT: A22 B36
//
// chdir, fchdir, getcwd, chroot: paths through "..", removed and moved directories, refusals.
#include "check.h"

int main(void) {
  char path[512];
  must(mkdir("one", 0755));
  must(mkdir("one/two", 0755));
  must(chdir("one/two"));
  must((long)getcwd(path, sizeof path));
  ok("getcwd", strstr(path, "/one/two") != NULL);
  must(chdir("../.././one//two/.."));
  must((long)getcwd(path, sizeof path));
  ok("dots and slashes", strcmp(path + strlen(path) - 4, "/one") == 0);
  fails("buffer too small", syscall(SYS_getcwd, path, 3), ERANGE);
  int here = must(open("two", O_RDONLY | O_DIRECTORY));
  must(chdir("/"));
  must(fchdir(here));
  must((long)getcwd(path, sizeof path));
  ok("fchdir", strstr(path, "/one/two") != NULL);
  must(rename("../../one", "../../three"));
  must((long)getcwd(path, sizeof path));
  ok("cwd follows a rename", strstr(path, "/three/two") != NULL);
  spill("file", "", 0, 0644);
  fails("chdir to a file", chdir("file"), ENOTDIR);
  fails("chdir to nothing", chdir("none"), ENOENT);
  fails("fchdir to a file", fchdir(must(open("file", O_RDONLY))), ENOTDIR);
  fails("chroot to a file", chroot("file"), ENOTDIR);
  must(mkdir("jail", 0755));
  must(mkdir("jail/inner", 0755));
  must(symlink("/inner", "jail/absolute"));
  must(chroot("jail"));
  equal("absolute link inside the new root", access("jail/absolute", F_OK), 0);
  ok("cwd outside is unreachable",
     syscall(SYS_getcwd, path, sizeof path) > 0 && strncmp(path, "(unreachable)", 13) == 0);
  must(chdir("/inner"));
  must(chdir("../../../inner"));
  must((long)getcwd(path, sizeof path));
  ok("no way up", strcmp(path, "/inner") == 0);
  return finish();
}
