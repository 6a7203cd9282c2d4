// SPDX-License-Identifier: MIT
// CONTRACT: B37 B40 B45 B36
//
// CLONE_FS, CLONE_FILES and CLONE_SIGHAND share; without them the child has a copy.
#include "check.h"

static char stack[65536] __attribute__((aligned(16)));
static void on_signal(int number) { (void)number; }

static int change_everything(void* argument) {
  (void)argument;
  chdir("/proc");
  umask(077);
  close(50);
  dup2(1, 51);
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGUSR2, &action, NULL);
  return 0;
}

static void look(const char* with, unsigned long flags, int fs, int files, int handlers) {
  char label[80], cwd[256];
  must(chdir("/tmp"));
  umask(022);
  must(dup2(1, 50));
  close(51);
  signal(SIGUSR2, SIG_DFL);
  pid_t child = must(clone_on_stack(flags | SIGCHLD, stack + sizeof stack, change_everything, NULL,
                                    NULL, NULL, NULL));
  must(waitpid(child, NULL, __WALL));
  must((long)getcwd(cwd, sizeof cwd));
  snprintf(label, sizeof label, "%s: cwd", with);
  equal(label, strcmp(cwd, "/proc") == 0, fs);
  snprintf(label, sizeof label, "%s: umask", with);
  equal(label, umask(022) == 077, fs);
  snprintf(label, sizeof label, "%s: close", with);
  equal(label, fcntl(50, F_GETFD) == -1, files);
  snprintf(label, sizeof label, "%s: dup2", with);
  equal(label, fcntl(51, F_GETFD) != -1, files);
  struct sigaction action;
  must(sigaction(SIGUSR2, NULL, &action));
  snprintf(label, sizeof label, "%s: handler", with);
  equal(label, action.sa_handler == on_signal, handlers);
}

int main(void) {
  look("nothing", 0, 0, 0, 0);
  look("VM", CLONE_VM, 0, 0, 0);
  look("FS", CLONE_FS, 1, 0, 0);
  look("FILES", CLONE_FILES, 0, 1, 0);
  look("VM SIGHAND", CLONE_VM | CLONE_SIGHAND, 0, 0, 1);
  look("all", CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND, 1, 1, 1);
  return finish();
}
