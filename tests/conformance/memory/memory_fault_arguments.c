// SPDX-License-Identifier: MIT
// CONTRACT: A34
//
// Bad pointers to system calls give EFAULT: unmapped, null, kernel, non-canonical, read-only for
// results, and a path that runs into a hole.
#include <poll.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/utsname.h>

#include "check.h"

static char* bad_places[5];

static void each(const char* name, long number, int position, long a, long b, long c, long d) {
  int wrong = 0;
  for (int index = 0; index < 5; index++) {
    long arguments[4] = {a, b, c, d};
    arguments[position] = (long)bad_places[index];
    errno = 0;
    long result = syscall(number, arguments[0], arguments[1], arguments[2], arguments[3]);
    if (result != -1 || errno != EFAULT) {
      wrong++;
      say("%s place %d: result %ld errno %d", name, index, result, errno);
    }
  }
  equal(name, wrong, 0);
}

int main(void) {
  char* pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(pages, 'x', 4096);
  must(munmap(pages + 4096, 4096));
  bad_places[0] = pages + 4096;
  bad_places[1] = (char*)8;
  bad_places[2] = (char*)0xffffffff80001000UL;
  bad_places[3] = (char*)0x8000000000000000UL;
  bad_places[4] = (char*)0x7ffffffffff8UL;
  spill("file", "0123456789", 10, 0644);
  int file = must(open("file", O_RDWR)), ends[2];
  must(pipe(ends));
  must(write(ends[1], "0123456789", 10));
  each("read of a file", SYS_read, 1, file, 0, 8, 0);
  must(lseek(file, 0, SEEK_SET));
  each("write to a pipe", SYS_write, 1, ends[1], 0, 8, 0);
  each("open", SYS_open, 0, 0, O_RDONLY, 0, 0);
  each("stat", SYS_stat, 1, (long)"file", 0, 0, 0);
  each("fstat", SYS_fstat, 1, file, 0, 0, 0);
  each("getcwd", SYS_getcwd, 0, 0, 100, 0, 0);
  each("pipe", SYS_pipe, 0, 0, 0, 0, 0);
  each("readlink", SYS_readlink, 1, (long)"/proc/self/exe", 0, 100, 0);
  each("uname", SYS_uname, 0, 0, 0, 0, 0);
  each("sysinfo", SYS_sysinfo, 0, 0, 0, 0, 0);
  each("times", SYS_times, 0, 0, 0, 0, 0);
  each("getrusage", SYS_getrusage, 1, RUSAGE_SELF, 0, 0, 0);
  each("getrlimit", SYS_getrlimit, 1, RLIMIT_NOFILE, 0, 0, 0);
  each("setrlimit", SYS_setrlimit, 1, RLIMIT_NOFILE, 0, 0, 0);
  each("nanosleep", SYS_nanosleep, 0, 0, 0, 0, 0);
  each("clock_getres", SYS_clock_getres, 1, CLOCK_MONOTONIC, 0, 0, 0);
  each("sigaction in", SYS_rt_sigaction, 1, SIGUSR1, 0, 0, 8);
  each("sigaction out", SYS_rt_sigaction, 2, SIGUSR1, 0, 0, 8);
  each("sigpending", SYS_rt_sigpending, 0, 0, 8, 0, 0);
  each("sigaltstack", SYS_sigaltstack, 0, 0, 0, 0, 0);
  each("writev", SYS_writev, 1, file, 0, 2, 0);
  each("poll", SYS_poll, 0, 0, 1, 0, 0);
  each("getdents64", SYS_getdents64, 1, must(open("/", O_RDONLY)), 0, 4096, 0);
  each("mkdir", SYS_mkdir, 0, 0, 0755, 0, 0);
  each("chdir", SYS_chdir, 0, 0, 0, 0, 0);
  each("futex", SYS_futex, 0, 0, 0, 0, 0);
  each("sched_getaffinity", SYS_sched_getaffinity, 2, 0, 128, 0, 0);
  each("getitimer", SYS_getitimer, 1, 0, 0, 0, 0);
  each("getresuid", SYS_getresuid, 0, 0, (long)pages, (long)pages, 0);
  memset(pages, 'x', 4096);
  fails("path without an end", syscall(SYS_open, pages + 4000, O_RDONLY, 0), EFAULT);
  fails("write over the end", write(file, pages + 4096, 8), EFAULT);
  struct iovec vector[2] = {{pages, 4}, {(void*)8, 4}};
  must(ftruncate(file, 0));
  must(lseek(file, 0, SEEK_SET));
  equal("writev: what is before the bad part is written", writev(file, vector, 2), 4);
  char* read_only = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must(lseek(file, 0, SEEK_SET));
  fails("read into read-only memory", read(file, read_only, 4), EFAULT);
  return finish();
}
