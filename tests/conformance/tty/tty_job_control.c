// SPDX-License-Identifier: MIT
// CONTRACT: G8 issue-2
//
// Foreground and background groups: SIGTTIN, SIGTTOU, tcsetpgrp, and the keys that send signals.
#include "pty.h"

static pid_t start_job(int slave, const char* what) {
  pid_t job = must(fork());
  if (job == 0) {
    setpgid(0, 0);
    char byte;
    if (what[0] == 'r') {
      (void)!read(slave, &byte, 1);
      _exit(byte == 'k' ? 0 : 1);
    }
    if (what[0] == 'w') {
      tcsetpgrp(slave, getpgrp());
      _exit(0);
    }
    for (;;) pause();
  }
  setpgid(job, job);
  return job;
}

static int shell(struct pty pty) {
  int status;
  must(setsid());
  must(ioctl(pty.slave, TIOCSCTTY, 0));
  signal(SIGTTOU, SIG_IGN);
  pid_t job = start_job(pty.slave, "read");
  must(waitpid(job, &status, WUNTRACED));
  ok("background read: SIGTTIN", WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTIN);
  must(tcsetpgrp(pty.slave, job));
  equal("in the foreground", tcgetpgrp(pty.slave), job);
  must(kill(-job, SIGCONT));
  must(write(pty.master, "k\n", 2));
  exits("reads after SIGCONT", job, 0);
  must(tcsetpgrp(pty.slave, getpgrp()));

  signal(SIGTTOU, SIG_DFL);
  job = start_job(pty.slave, "write");
  must(waitpid(job, &status, WUNTRACED));
  ok("background tcsetpgrp: SIGTTOU", WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
  must(kill(job, SIGKILL));
  killed_by("stopped job", job, SIGKILL);

  signal(SIGTTOU, SIG_IGN);
  struct {
    const char* key;
    int signal_number;
  } keys[] = {{"\003", SIGINT}, {"\034", SIGQUIT}, {"\032", SIGTSTP}};
  for (int index = 0; index < 3; index++) {
    job = start_job(pty.slave, "pause");
    must(tcsetpgrp(pty.slave, job));
    wait_state(job, 'S');
    must(write(pty.master, keys[index].key, 1));
    must(waitpid(job, &status, WUNTRACED));
    ok("key", index == 2 ? WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP
                         : WIFSIGNALED(status) && WTERMSIG(status) == keys[index].signal_number);
    if (index == 2) {
      must(kill(job, SIGKILL));
      must(waitpid(job, NULL, 0));
    }
    must(tcsetpgrp(pty.slave, getpgrp()));
  }
  fails("no such group", tcsetpgrp(pty.slave, job), ESRCH);
  fails("not a terminal", tcsetpgrp(must(open("/dev/null", O_RDONLY)), getpgrp()), ENOTTY);
  return check_failures;
}

int main(void) {
  struct pty pty = pty_open();
  pid_t child = must(fork());
  if (child == 0) _exit(shell(pty));
  exits("shell", child, 0);
  return finish();
}
