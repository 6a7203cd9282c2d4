// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// open's flags and refusals, and the modes that umask leaves.
#include "check.h"

static mode_t mode_of(const char* path) {
  struct stat status;
  must(stat(path, &status));
  return status.st_mode & 07777;
}

int main(void) {
  umask(027);
  int file = must(open("new", O_RDWR | O_CREAT | O_EXCL, 0666));
  equal("umask", mode_of("new"), 0640);
  fails("O_EXCL", open("new", O_RDWR | O_CREAT | O_EXCL, 0666), EEXIST);
  must(write(file, "0123456789", 10));
  int append = must(open("new", O_WRONLY | O_APPEND));
  must(lseek(append, 0, SEEK_SET));
  must(write(append, "a", 1));
  must(write(file, "b", 1));
  char text[32] = {0};
  must(pread(file, text, 31, 0));
  ok("O_APPEND writes at the end", strcmp(text, "0123456789b") == 0);
  must(write(append, "c", 1));
  must(pread(file, text, 31, 0));
  ok("wherever it is", strcmp(text, "0123456789bc") == 0);
  fails("read of a writer", read(append, text, 1), EBADF);
  int reader = must(open("new", O_RDONLY));
  fails("write of a reader", write(reader, "x", 1), EBADF);
  must(open("new", O_WRONLY | O_TRUNC));
  equal("O_TRUNC", read(reader, text, 1), 0);
  must(mkdir("directory", 0777));
  equal("directory's umask", mode_of("directory"), 0750);
  fails("directory for writing", open("directory", O_RDWR), EISDIR);
  fails("O_CREAT of a directory", open("directory", O_RDONLY | O_CREAT, 0644), EISDIR);
  fails("O_DIRECTORY of a file", open("new", O_RDONLY | O_DIRECTORY), ENOTDIR);
  fails("read of a directory", read(must(open("directory", O_RDONLY)), text, 1), EISDIR);
  fails("absent", open("absent", O_RDONLY), ENOENT);
  fails("empty", open("", O_RDONLY), ENOENT);
  fails("through a file", open("new/x", O_RDONLY), ENOTDIR);
  fails("slash behind a file", open("new/", O_RDONLY), ENOTDIR);
  must(symlink("absent", "dangling"));
  fails("dangling", open("dangling", O_RDONLY), ENOENT);
  fails("O_NOFOLLOW", open("dangling", O_RDONLY | O_NOFOLLOW), ELOOP);
  fails("O_EXCL on a link", open("dangling", O_CREAT | O_EXCL | O_WRONLY, 0644), EEXIST);
  must(close(must(open("dangling", O_CREAT | O_WRONLY, 0600))));
  equal("created through a link", access("absent", F_OK), 0);
  char name[300];
  memset(name, 'n', 299);
  name[299] = '\0';
  fails("name of 299", open(name, O_RDONLY), ENAMETOOLONG);
  name[255] = '\0';
  must(open(name, O_CREAT | O_WRONLY, 0600));
  char* path = malloc(5000);
  memset(path, '/', 4999);
  path[4999] = '\0';
  fails("path of 4999", open(path, O_RDONLY), ENAMETOOLONG);
  int place = must(open("new", O_PATH));
  fails("read of O_PATH", read(place, text, 1), EBADF);
  equal("fstat of O_PATH", fstat(place, &(struct stat){0}), 0);
  int at = must(open("directory", O_RDONLY | O_DIRECTORY));
  must(openat(at, "inside", O_CREAT | O_WRONLY, 0600));
  equal("openat", access("directory/inside", F_OK), 0);
  fails("openat of a file", openat(reader, "x", O_RDONLY), ENOTDIR);
  fails("openat of nothing", openat(99, "x", O_RDONLY), EBADF);
  must(open("/dev/null", O_WRONLY | O_TRUNC));
  fails("lowest descriptor limit", close(900), EBADF);
  return finish();
}
