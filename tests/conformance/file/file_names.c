// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// link, unlink, rename, symlink, readlink, mkdir, rmdir: effects and refusals.
#include "check.h"

static long links(const char* path) {
  struct stat status;
  must(lstat(path, &status));
  return (long)status.st_nlink;
}

int main(void) {
  char text[64] = {0};
  spill("a", "A", 1, 0644);
  must(link("a", "b"));
  equal("two links", links("a"), 2);
  fails("link exists", link("a", "b"), EEXIST);
  fails("link of nothing", link("none", "c"), ENOENT);
  must(mkdir("d", 0755));
  fails("link of a directory", link("d", "e"), EPERM);
  must(unlink("a"));
  equal("one left", links("b"), 1);
  int file = must(open("b", O_RDONLY));
  must(unlink("b"));
  equal("readable after unlink", read(file, text, 1), 1);
  struct stat status;
  must(fstat(file, &status));
  equal("no links", (long)status.st_nlink, 0);
  fails("unlink again", unlink("b"), ENOENT);
  fails("unlink a directory", unlink("d"), EISDIR);
  fails("rmdir a file", (spill("f", "F", 1, 0644), rmdir("f")), ENOTDIR);
  fails("mkdir exists", mkdir("d", 0755), EEXIST);
  fails("mkdir below nothing", mkdir("x/y", 0755), ENOENT);
  equal("directory has two links", links("d"), 2);
  must(mkdir("d/sub", 0755));
  equal("and one more per child", links("d"), 3);
  fails("rmdir not empty", rmdir("d"), ENOTEMPTY);
  fails("rmdir .", rmdir("d/."), EINVAL);
  fails("rmdir ..", rmdir("d/sub/.."), ENOTEMPTY);
  spill("g", "G", 1, 0644);
  must(rename("f", "g"));
  equal("rename replaces", slurp("g", text, sizeof text) == 1 && text[0] == 'F', 1);
  fails("old name gone", access("f", F_OK), ENOENT);
  fails("file over directory", rename("g", "d"), EISDIR);
  fails("directory over file", rename("d", "g"), ENOTDIR);
  fails("into itself", rename("d", "d/sub/d"), EINVAL);
  must(mkdir("h", 0755));
  must(rename("d/sub", "h"));
  equal("directory over an empty one", access("d/sub", F_OK) == -1 && access("h", F_OK) == 0, 1);
  spill("h/x", "", 0, 0644);
  fails("over one that is not empty", rename("d", "h"), ENOTEMPTY);
  must(link("g", "g2"));
  must(rename("g", "g2"));
  equal("two names of one file: nothing happens", access("g", F_OK), 0);
  fails("RENAME_NOREPLACE", syscall(SYS_renameat2, AT_FDCWD, "g", AT_FDCWD, "h", 1), EEXIST);
  must(symlink("g", "s"));
  equal("readlink", readlink("s", text, sizeof text), 1);
  equal("readlink cuts", (symlink("0123456789", "l"), readlink("l", text, 4)), 4);
  fails("readlink of a file", readlink("g", text, 4), EINVAL);
  must(lstat("s", &status));
  ok("lstat sees the link", S_ISLNK(status.st_mode) && status.st_size == 1);
  must(unlink("s"));
  equal("its target stays", access("g", F_OK), 0);
  must(symlink("two", "one"));
  must(symlink("one", "two"));
  fails("ELOOP", open("one", O_RDONLY), ELOOP);
  fails("ELOOP on the way", open("one/x", O_RDONLY), ELOOP);
  must(symlink("h", "way"));
  equal("link on the way", access("way/x", F_OK), 0);
  fails("empty target", symlink("", "q"), ENOENT);
  fails("unlinkat bad flag", unlinkat(AT_FDCWD, "g", 0x80), EINVAL);
  must(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
  fails("and gone", rmdir("d"), ENOENT);
  return finish();
}
