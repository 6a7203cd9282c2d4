// SPDX-License-Identifier: MIT
// CONTRACT: E16 issue-2
//
// Permissions as another user: read, write, search, sticky directories, chmod and chown, access.
#include <sys/resource.h>
#include <sys/time.h>

#include "check.h"

int main(void) {
  umask(0);
  spill("secret", "s", 1, 0600);
  spill("group", "g", 1, 0640);
  spill("open", "o", 1, 0666);
  must(mkdir("closed", 0700));
  must(mkdir("list", 0744));
  must(mkdir("pass", 0711));
  must(mkdir("sticky", 01777));
  spill("closed/x", "", 0, 0666);
  spill("list/x", "", 0, 0666);
  spill("pass/x", "", 0, 0666);
  spill("sticky/x", "", 0, 0666);
  must(chown("group", 0, 77));
  pid_t user = must(fork());
  if (user == 0) {
    gid_t groups[1] = {77};
    must(setresgid(1000, 1000, 1000));
    must(syscall(SYS_setgroups, 1, groups));
    must(setresuid(1000, 1000, 1000));
    fails("read", open("secret", O_RDONLY), EACCES);
    ok("by supplementary group", open("group", O_RDONLY) >= 0);
    fails("but not write", open("group", O_WRONLY), EACCES);
    ok("for all", open("open", O_RDWR) >= 0);
    fails("no search", open("closed/x", O_RDONLY), EACCES);
    fails("list without search", open("list/x", O_RDONLY), EACCES);
    ok("but listed", open("list", O_RDONLY | O_DIRECTORY) >= 0);
    ok("search without list", open("pass/x", O_RDONLY) >= 0);
    fails("not listed", open("pass", O_RDONLY | O_DIRECTORY), EACCES);
    fails("create", open("pass/new", O_CREAT | O_WRONLY, 0644), EACCES);
    fails("sticky: unlink another's", unlink("sticky/x"), EPERM);
    fails("sticky: rename another's", rename("sticky/x", "sticky/y"), EPERM);
    spill("sticky/own", "", 0, 0600);
    equal("sticky: own", unlink("sticky/own"), 0);
    fails("chmod another's", chmod("open", 0600), EPERM);
    fails("chown away", chown("open", 1000, 1000), EPERM);
    fails("access", access("secret", R_OK), EACCES);
    equal("access exists", access("secret", F_OK), 0);
    fails("chroot", chroot("."), EPERM);
    fails("nice up", setpriority(PRIO_PROCESS, 0, -5), EACCES);
    fails("set times", utimes("open", (struct timeval[2]){{1, 0}, {1, 0}}), EPERM);
    _exit(check_failures);
  }
  exits("user", user, 0);
  must(chmod("open", 04755));
  struct stat status;
  must(stat("open", &status));
  equal("chmod", status.st_mode & 07777, 04755);
  must(chown("open", 1000, 1000));
  must(stat("open", &status));
  ok("chown takes set-user-id away", status.st_uid == 1000 && (status.st_mode & 07777) == 0755);
  must(chown("open", -1, 5));
  must(stat("open", &status));
  ok("-1 leaves the owner", status.st_uid == 1000 && status.st_gid == 5);
  pid_t capable = must(fork());
  if (capable == 0) {
    must(seteuid(1000));
    fails("effective id counts", open("secret", O_RDONLY), EACCES);
    equal("access uses the real id", access("secret", R_OK), 0);
    must(seteuid(0));
    ok("and back", open("secret", O_RDONLY) >= 0);
    _exit(check_failures);
  }
  exits("effective", capable, 0);
  must(mkdir("setgid", 02755));
  must(chown("setgid", 0, 88));
  must(chmod("setgid", 02755));
  spill("setgid/file", "", 0, 0644);
  must(stat("setgid/file", &status));
  equal("set-group-id directory hands on its group", status.st_gid, 88);
  return finish();
}
