// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// readdir gives each name once, with types; "." and ".."; large directories; rewind; removal while
// reading.
#include <dirent.h>

#include "check.h"

enum { count = 500 };

int main(void) {
  char name[32];
  must(mkdir("many", 0755));
  must(chdir("many"));
  for (int index = 0; index < count; index++) {
    snprintf(name, sizeof name, "file%d", index);
    spill(name, "", 0, 0644);
  }
  must(mkdir("inner", 0755));
  must(symlink("x", "pointer"));
  static int seen[count];
  int dots = 0, types = 0;
  DIR* listing = opendir(".");
  for (struct dirent* entry; (entry = readdir(listing)) != NULL;) {
    int want = DT_REG;
    if (entry->d_name[0] == '.' || strcmp(entry->d_name, "inner") == 0) want = DT_DIR;
    if (strcmp(entry->d_name, "pointer") == 0) want = DT_LNK;
    dots += entry->d_name[0] == '.';
    types += entry->d_type == want && entry->d_ino != 0;
  }
  equal("dot and dot-dot", dots, 2);
  equal("types and numbers", types, count + 4);
  rewinddir(listing);
  int total = 0;
  for (struct dirent* entry; (entry = readdir(listing)) != NULL; total++) {
    int index;
    if (sscanf(entry->d_name, "file%d", &index) == 1) {
      seen[index]++;
      must(unlink(entry->d_name));
    }
  }
  int once = 0;
  for (int index = 0; index < count; index++) once += seen[index] == 1;
  equal("each name once, removed while reading", once, count);
  equal("and the rest", total, count + 4);
  closedir(listing);
  must(unlink("pointer"));
  must(rmdir("inner"));
  must(chdir(".."));
  equal("empty now", rmdir("many"), 0);
  char buffer[1024];
  fails("not a directory", syscall(SYS_getdents64, must(open("/dev/null", O_RDONLY)), buffer, 1024),
        ENOTDIR);
  fails("buffer too small", syscall(SYS_getdents64, must(open("/", O_RDONLY)), buffer, 8), EINVAL);
  return finish();
}
