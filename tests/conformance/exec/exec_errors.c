// SPDX-License-Identifier: MIT
// CONTRACT: G10 A22 issue-2
//
// What exec refuses, and that a refused exec leaves the caller as it was.
#include <elf.h>
#include <sys/resource.h>

#include "check.h"

static char* arguments[] = {"x", NULL};
static char* environment[] = {NULL};

static long exec_it(const char* path) { return execve(path, arguments, environment); }

int main(void) {
  spill("text", "hello\n", 6, 0755);
  spill("plain", "#!/bin/sh\n", 10, 0644);
  spill("empty", "", 0, 0755);
  spill("missing_interpreter", "#!/no/such/thing\n", 17, 0755);
  spill("loop", "#!loop\n", 7, 0755);
  spill("bare", "#!\n", 3, 0755);
  must(symlink("circle", "circle"));
  must(mkdir("directory", 0755));
  must(mkdir("closed", 0700));
  spill("closed/program", "x", 1, 0755);
  fails("ENOENT", exec_it("absent"), ENOENT);
  fails("empty path", exec_it(""), ENOENT);
  fails("ENOTDIR", exec_it("text/x"), ENOTDIR);
  fails("EACCES directory", exec_it("directory"), EACCES);
  fails("EACCES without x, even for root", exec_it("plain"), EACCES);
  fails("ENOEXEC text", exec_it("text"), ENOEXEC);
  fails("ENOEXEC empty", exec_it("empty"), ENOEXEC);
  fails("ENOEXEC bare #!", exec_it("bare"), ENOEXEC);
  fails("interpreter missing", exec_it("missing_interpreter"), ENOENT);
  fails("ELOOP of interpreters", exec_it("loop"), ELOOP);
  fails("ELOOP of links", exec_it("circle"), ELOOP);
  fails("EFAULT path", exec_it((char*)16), EFAULT);
  fails("EFAULT argv", execve("/proc/self/exe", (char**)16, environment), EFAULT);
  char* bad[] = {"x", (char*)16, NULL};
  fails("EFAULT argument", execve("/proc/self/exe", bad, environment), EFAULT);
  char name[300];
  memset(name, 'n', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  fails("ENAMETOOLONG", exec_it(name), ENAMETOOLONG);
  char* large = malloc(140000);
  memset(large, 'a', 139999);
  large[139999] = '\0';
  char* long_one[] = {"x", large, NULL};
  fails("E2BIG single string", execve("/proc/self/exe", long_one, environment), E2BIG);
  large[100000] = '\0';
  char** many = calloc(102, sizeof *many);
  for (int index = 0; index < 100; index++) many[index] = large;
  fails("E2BIG together", execve("/proc/self/exe", many, environment), E2BIG);
  int writer = must(open("text", O_WRONLY));
  fails("ETXTBSY", exec_it("text"), ETXTBSY);
  close(writer);
  fails("writing the running program", open("/proc/self/exe", O_WRONLY), ETXTBSY);
  pid_t user = must(fork());
  if (user == 0) {
    must(setuid(1000));
    fails("EACCES on the way", exec_it("closed/program"), EACCES);
    _exit(check_failures);
  }
  exits("user", user, 0);
  char header[64] = {0};
  memcpy(header, ELFMAG, 4);
  spill("broken_elf", header, sizeof header, 0755);
  fails("ENOEXEC broken ELF", exec_it("broken_elf"), ENOEXEC);
  equal("still alive with its memory", large[99999], 'a');
  return finish();
}
