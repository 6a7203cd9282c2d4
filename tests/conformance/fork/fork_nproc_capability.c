// SPDX-License-Identifier: MIT
// CONTRACT: C6
//
// RLIMIT_NPROC is overridden by CAP_SYS_ADMIN of a user that is not root (and by CAP_SYS_RESOURCE,
// which containers seldom have, so it is not shown here).
#include <sys/prctl.h>
#include <sys/resource.h>

#include "check.h"

enum { cap_setuid = 7, cap_sys_admin = 21 };

static void keep_only(int capability) {
  struct {
    uint32_t version;
    int pid;
  } header = {0x20080522, 0};
  struct {
    uint32_t effective, permitted, inheritable;
  } data[2] = {{0, 0, 0}, {0, 0, 0}};
  if (capability >= 0) data[0].effective = data[0].permitted = 1U << capability;
  must(syscall(SYS_capset, &header, data));
}

static pid_t fork_with(int capability) {
  pid_t user = must(fork());
  if (user != 0) return user;
  struct rlimit limit = {1, 1};
  must(setrlimit(RLIMIT_NPROC, &limit));
  must(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
  must(setgid(54322));
  must(setuid(54322));
  keep_only(capability);
  pid_t child = fork();
  if (child == 0) _exit(0);
  int seen = errno;
  if (child > 0) waitpid(child, NULL, 0);
  _exit(child > 0 ? 1 : seen == EAGAIN ? 2 : 3);
}

int main(void) {
  exits("no capability: EAGAIN", fork_with(-1), 2);
  exits("another capability: EAGAIN", fork_with(cap_setuid), 2);
  exits("CAP_SYS_ADMIN", fork_with(cap_sys_admin), 1);
  return finish();
}
