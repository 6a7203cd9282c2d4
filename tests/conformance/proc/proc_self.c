// SPDX-License-Identifier: MIT
// CONTRACT: A15 B1 issue-2
//
// /proc/self: stat, status, cmdline, comm, fd, exe, cwd, root; entries of others come and go.
#include <dirent.h>
#include <sys/prctl.h>

#include "check.h"

static char text[16384];

static long status_number(const char* key) {
  must(slurp("/proc/self/status", text, sizeof text));
  const char* line = strstr(text, key);
  return line == NULL ? -1 : strtol(line + strlen(key), NULL, 10);
}

static char large[4 << 20];

// What /proc/self/fdinfo says of a file's position, also of its own file's.
static void check_fdinfo(void) {
  int file = must(open("/proc/self/exe", O_RDONLY));
  must(lseek(file, 1234, SEEK_SET));
  must(dup2(file, 9));
  int info = must(open("/proc/self/fdinfo/9", O_RDONLY));
  ok("fdinfo", must(read(info, text, sizeof text)) > 0 && strncmp(text, "pos:\t1234\n", 10) == 0);
  must(lseek(info, 0, SEEK_SET));
  must(dup2(info, 9));
  ok("fdinfo of itself", must(read(info, text, sizeof text)) > 0 && strncmp(text, "pos:\t0\n", 7) == 0);
  must(close(9));
  must(close(info));
  must(close(file));
}

int main(void) {
  check_fdinfo();
  memset(large, 1, sizeof large);  // Linux counts small resident sets per CPU and late
  char path[64], link[256] = {0};
  equal("/proc/self", atoi((must(readlink("/proc/self", link, 255)), link)), getpid());
  equal("pid", stat_field(getpid(), 3), 'R');
  equal("ppid", stat_field(getpid(), 4), getppid());
  equal("group", stat_field(getpid(), 5), getpgrp());
  equal("session", stat_field(getpid(), 6), getsid(0));
  equal("threads", stat_field(getpid(), 20), 1);
  ok("vsize", stat_field(getpid(), 23) > 4096);
  ok("rss", stat_field(getpid(), 24) > 0);
  equal("Tgid", status_number("\nTgid:\t"), getpid());
  equal("Pid", status_number("\nPid:\t"), getpid());
  equal("PPid", status_number("\nPPid:\t"), getppid());
  equal("TracerPid", status_number("\nTracerPid:\t"), 0);
  equal("Uid", status_number("\nUid:\t"), (long)getuid());
  equal("Threads", status_number("\nThreads:\t"), 1);
  ok("VmSize", status_number("\nVmSize:\t") > 0);
  ok("VmRSS", status_number("\nVmRSS:\t") > 0);
  ok("context switches", status_number("\nvoluntary_ctxt_switches:\t") >= 0);
  block(SIGUSR1);
  raise(SIGUSR1);
  must(slurp("/proc/self/status", text, sizeof text));
  ok("SigBlk", strstr(text, "SigBlk:\t0000000000000200\n") != NULL);
  ok("pending shown", strstr(text, "SigPnd:\t0000000000000200\n") != NULL);
  must(prctl(PR_SET_NAME, "odd )name( 12345"));
  must(slurp("/proc/self/comm", text, sizeof text));
  ok("comm is cut at 15", strcmp(text, "odd )name( 1234\n") == 0);
  equal("stat parses behind it", stat_field(getpid(), 4), getppid());
  int file = must(open("/dev/null", O_RDONLY));
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  memset(link, 0, sizeof link);
  must(readlink(path, link, 255));
  ok("fd link", strcmp(link, "/dev/null") == 0);
  ok("can be opened", open(path, O_RDONLY) >= 0);
  int count = 0;
  DIR* listing = opendir("/proc/self/fd");
  for (struct dirent* entry; (entry = readdir(listing)) != NULL;) count += entry->d_name[0] != '.';
  equal("fd lists all", count, 6);
  closedir(listing);
  memset(link, 0, sizeof link);
  must(readlink("/proc/self/cwd", link, 255));
  ok("cwd", strcmp(link, "/tmp/proc_self") == 0);
  memset(link, 0, sizeof link);
  must(readlink("/proc/self/root", link, 255));
  ok("root", strcmp(link, "/") == 0);
  pid_t child = must(fork());
  if (child == 0) _exit(0);
  wait_state(child, 'Z');
  snprintf(path, sizeof path, "/proc/%d", child);
  equal("a zombie is there", access(path, F_OK), 0);
  exits("child", child, 0);
  fails("and then not", access(path, F_OK), ENOENT);
  fails("nothing can be made there", mkdir("/proc/new", 0755), ENOENT);
  return finish();
}
