// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// stat, lstat, fstat, fstatat, statx, times, device files, link counts, access modes.
#include <sys/sysmacros.h>
#include <sys/time.h>

#include "check.h"

int main(void) {
  struct stat a, b;
  spill("file", "hello", 5, 0604);
  must(stat("file", &a));
  ok("regular", S_ISREG(a.st_mode) && (a.st_mode & 07777) == 0604);
  ok("size, links, owner", a.st_size == 5 && a.st_nlink == 1 && a.st_uid == 0 && a.st_gid == 0);
  ok("number and device", a.st_ino != 0 && a.st_dev != 0);
  must(fstat(must(open("file", O_RDONLY)), &b));
  ok("fstat is the same file", a.st_ino == b.st_ino && a.st_dev == b.st_dev);
  must(symlink("file", "link"));
  must(fstatat(AT_FDCWD, "link", &b, 0));
  equal("fstatat follows", b.st_ino == a.st_ino, 1);
  must(fstatat(AT_FDCWD, "link", &b, AT_SYMLINK_NOFOLLOW));
  equal("or not", S_ISLNK(b.st_mode), 1);
  fails("bad flag", fstatat(AT_FDCWD, "link", &b, 0x8000), EINVAL);
  must(stat("/dev/null", &b));
  ok("/dev/null", S_ISCHR(b.st_mode) && major(b.st_rdev) == 1 && minor(b.st_rdev) == 3);
  must(stat("/dev/zero", &b));
  ok("/dev/zero", S_ISCHR(b.st_mode) && major(b.st_rdev) == 1 && minor(b.st_rdev) == 5);
  must(stat("/", &b));
  ok("root", S_ISDIR(b.st_mode));
  must(stat("/..", &a));
  ok("and above it", a.st_ino == b.st_ino && a.st_dev == b.st_dev);
  struct timespec times[2] = {{1000, 5}, {2000, 6}};
  must(utimensat(AT_FDCWD, "file", times, 0));
  must(stat("file", &a));
  ok("utimensat", a.st_atim.tv_sec == 1000 && a.st_mtim.tv_sec == 2000 && a.st_mtim.tv_nsec == 6);
  long long before = now_ns(CLOCK_REALTIME_COARSE) - 20000000;
  int file = must(open("file", O_WRONLY));
  must(write(file, "x", 1));
  must(stat("file", &a));
  ok("write sets mtime and ctime",
     a.st_mtim.tv_sec * 1000000000LL + a.st_mtim.tv_nsec >= before &&
         a.st_ctim.tv_sec * 1000000000LL + a.st_ctim.tv_nsec >= before);
  must(mkdir("directory", 0755));
  must(utimensat(AT_FDCWD, "directory", times, 0));
  spill("directory/x", "", 0, 0644);
  must(stat("directory", &a));
  ok("creation sets the directory's mtime", a.st_mtim.tv_sec > 2000);
  must(mknod("node", S_IFCHR | 0600, makedev(1, 3)));
  must(stat("node", &a));
  ok("mknod", S_ISCHR(a.st_mode) && a.st_rdev == makedev(1, 3));
  fails("ENOENT", stat("none", &a), ENOENT);
  fails("ENOTDIR", stat("file/x", &a), ENOTDIR);
  fails("EBADF", fstat(99, &a), EBADF);
  return finish();
}
