// SPDX-License-Identifier: MIT
// CONTRACT: B9 E45 G8 D21
//
// CLONE_PIDFD by clone and clone3: the descriptor is close-on-exec, becomes readable at exit,
// serves waitid(P_PIDFD) and pidfd_send_signal, which takes an open /proc/PID as well; a refused clone
// leaves no descriptor behind.
#include <poll.h>

#include "check.h"

static int readable(int descriptor, int timeout) {
  struct pollfd watch = {descriptor, POLLIN, 0};
  return must(poll(&watch, 1, timeout)) == 1 && (watch.revents & POLLIN) != 0;
}

static void open_directory_of(pid_t child) {
  char path[64];
  siginfo_t info;
  snprintf(path, sizeof path, "/proc/%d", child);
  const int process = must(open(path, O_RDONLY | O_DIRECTORY));
  snprintf(path, sizeof path, "/proc/%d/task/%d", child, child);
  const int thread = must(open(path, O_RDONLY | O_DIRECTORY));
  fails("a thread's directory", syscall(SYS_pidfd_send_signal, thread, 0, NULL, 0), EBADF);
  fails("does not serve waitid", waitid(P_PIDFD, (id_t)process, &info, WEXITED), EBADF);
  equal("a process's directory", syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0), 0);
  killed_by("killed through it", child, SIGKILL);
  fails("nobody any more", syscall(SYS_pidfd_send_signal, process, 0, NULL, 0), ESRCH);
  close(process);
  close(thread);
}

int main(void) {
  int descriptor = -1;
  struct gate hold = gate_make();
  pid_t child = must(raw_clone(CLONE_PIDFD | SIGCHLD, &descriptor, NULL));
  if (child == 0) {
    gate_wait(hold);
    syscall(SYS_exit_group, 6);
  }
  ok("descriptor", descriptor >= 3);
  equal("close-on-exec", fcntl(descriptor, F_GETFD), FD_CLOEXEC);
  equal("not readable while it lives", readable(descriptor, 0), 0);
  siginfo_t info;
  memset(&info, 0, sizeof info);
  equal("waitid WNOHANG", waitid(P_PIDFD, (id_t)descriptor, &info, WEXITED | WNOHANG), 0);
  equal("nothing yet", info.si_pid, 0);
  gate_open(hold);
  equal("readable at exit", readable(descriptor, 10000), 1);
  equal("waitid", waitid(P_PIDFD, (id_t)descriptor, &info, WEXITED), 0);
  ok("whole story", info.si_pid == child && info.si_status == 6 && info.si_code == CLD_EXITED);
  equal("readable after the reaping too", readable(descriptor, 0), 1);
  fails("no one to signal", syscall(SYS_pidfd_send_signal, descriptor, 0, NULL, 0), ESRCH);
  fails("no one to wait for", waitid(P_PIDFD, (id_t)descriptor, &info, WEXITED), ECHILD);
  close(descriptor);

  struct clone3_arguments arguments;
  memset(&arguments, 0, sizeof arguments);
  arguments.flags = CLONE_PIDFD | CLONE_PARENT_SETTID;
  arguments.exit_signal = SIGCHLD;
  int number = -1;
  arguments.pidfd = (uintptr_t)&descriptor;
  arguments.parent_tid = (uintptr_t)&number;
  child = must(raw_clone3(&arguments, sizeof arguments));
  if (child == 0) {
    for (;;) pause();
  }
  equal("clone3 stores the number as well", number, child);
  equal("signal by descriptor", syscall(SYS_pidfd_send_signal, descriptor, SIGKILL, NULL, 0), 0);
  killed_by("killed by it", child, SIGKILL);
  close(descriptor);

  child = must(fork());
  if (child == 0) {
    for (;;) pause();
  }
  open_directory_of(child);

  int next = must(dup(1));
  close(next);
  arguments.exit_signal = 200;
  fails("refused", raw_clone3(&arguments, sizeof arguments), EINVAL);
  equal("no descriptor left", must(dup(1)), next);
  fails("pidfd_open of nobody", syscall(SYS_pidfd_open, child, 0), ESRCH);
  fails("pidfd_open with flags", syscall(SYS_pidfd_open, getpid(), 0x1234), EINVAL);
  fails("pidfd_open of 0", syscall(SYS_pidfd_open, 0, 0), EINVAL);
  int own = must(syscall(SYS_pidfd_open, getpid(), 0));
  equal("signal 0 to itself", syscall(SYS_pidfd_send_signal, own, 0, NULL, 0), 0);
  fails("not a pidfd", syscall(SYS_pidfd_send_signal, 1, 0, NULL, 0), EBADF);
  fails("read of a pidfd", read(own, &info, 8), EINVAL);
  return finish();
}
