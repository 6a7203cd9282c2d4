// SPDX-License-Identifier: MIT
//
// Runs test programs one after another and prints what each printed between marker lines, so that
// the same command on two kernels gives two texts that can be compared program by program.
//
//   driver [-t SECONDS] [-d DIRECTORY] [NAME...]     (all programs of DIRECTORY, sorted, by
//   default)
//
// Each program gets its own session, an empty directory /tmp/NAME as cwd, /dev/null as input, a
// plain environment and a pipe as output. `=== END NAME HOW` tells how it ended: exit:N, signal:N
// or timeout. What it left behind in its process group is killed; the driver is a subreaper and
// reaps orphans. As PID 1 (on the host, in a new PID namespace) it first forks, so that no program
// has the first process as its parent. Needs of the kernel: fork, exec, pipe, poll, waitpid.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { max_programs = 512, max_output_bytes = 256 * 1024 };

static const char* directory = "/tests/conformance";
static int limit_seconds = 60;  // a hang, and not only a busy host

static long long now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

static void put(const char* text, size_t length) {
  while (length > 0) {
    ssize_t count = write(STDOUT_FILENO, text, length);
    if (count == -1 && errno == EINTR) continue;
    if (count <= 0) _exit(3);
    text += count;
    length -= (size_t)count;
  }
}

static void put_line(const char* kind, const char* name, const char* how) {
  char line[256];
  int length = snprintf(line, sizeof line, "=== %s %s%s%s\n", kind, name, *how ? " " : "", how);
  put(line, (size_t)length);
}

static void become(const char* name, int output) {
  char path[256], work[256];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  snprintf(work, sizeof work, "/tmp/%s", name);
  setsid();
  int input = open("/dev/null", O_RDONLY);
  dup2(input, 0);
  dup2(output, 1);
  dup2(output, 2);
  for (int descriptor = 3; descriptor < 1024; descriptor++) close(descriptor);
  umask(022);
  mkdir(work, 0777);
  char* arguments[] = {path, NULL};
  char* environment[] = {"PATH=/tests:/bin", "TERM=dumb", NULL};
  if (chdir(work) == -1) {
    dprintf(1, "driver: chdir %s: %s\n", work, strerror(errno));
    _exit(126);
  }
  execve(path, arguments, environment);
  dprintf(1, "driver: exec %s: %s\n", path, strerror(errno));
  _exit(127);
}

// Copies what is there to read; 0 at end of file.
static int drain(int descriptor, size_t* total) {
  char buffer[4096];
  for (;;) {
    ssize_t count = read(descriptor, buffer, sizeof buffer);
    if (count == 0) return 0;
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    if (*total < max_output_bytes) put(buffer, (size_t)count);
    *total += (size_t)count;
  }
}

static int run_one(const char* name) {
  int ends[2];
  put_line("BEGIN", name, "");
  if (pipe(ends) == -1) return -1;
  pid_t child = fork();
  if (child == 0) become(name, ends[1]);
  close(ends[1]);
  if (child == -1) {
    close(ends[0]);
    put_line("END", name, "fork-failed");
    return -1;
  }
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  long long deadline = now_ms() + limit_seconds * 1000LL;
  size_t total = 0;
  int open_end = 1, status = 0, finished = 0, timed_out = 0;
  while (!finished) {
    struct pollfd watch = {ends[0], POLLIN, 0};
    poll(&watch, open_end ? 1 : 0, open_end ? 20 : 1);
    if (open_end) open_end = drain(ends[0], &total);
    finished = waitpid(child, &status, WNOHANG) == child;
    if (!finished && now_ms() > deadline) {
      timed_out = 1;
      kill(-child, SIGKILL);
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      finished = 1;
    }
  }
  if (open_end) drain(ends[0], &total);
  close(ends[0]);
  kill(-child, SIGKILL);
  while (waitpid(-1, NULL, WNOHANG) > 0) continue;
  char how[32];
  if (timed_out) {
    snprintf(how, sizeof how, "timeout");
  } else if (WIFEXITED(status)) {
    snprintf(how, sizeof how, "exit:%d", WEXITSTATUS(status));
  } else {
    snprintf(how, sizeof how, "signal:%d", WTERMSIG(status));
  }
  put_line("END", name, how);
  return timed_out || status != 0;
}

static int by_name(const void* left, const void* right) {
  return strcmp(*(char* const*)left, *(char* const*)right);
}

static int list_programs(char** names) {
  DIR* listing = opendir(directory);
  if (listing == NULL) return 0;
  int count = 0;
  for (struct dirent* entry; count < max_programs && (entry = readdir(listing)) != NULL;) {
    if (entry->d_name[0] != '.') names[count++] = strdup(entry->d_name);
  }
  closedir(listing);
  qsort(names, (size_t)count, sizeof *names, by_name);
  return count;
}

int main(int argc, char** argv) {
  for (int option; (option = getopt(argc, argv, "+t:d:")) != -1;) {
    if (option == 't') limit_seconds = atoi(optarg);
    if (option == 'd') directory = optarg;
    if (option == '?') return 2;
  }
  if (getpid() == 1) {
    pid_t runner = fork();
    if (runner > 0) {
      int status = 0;
      for (pid_t seen; (seen = wait(&status)) != runner;) {
        if (seen == -1 && errno == ECHILD) return 3;
      }
      return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
  }
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  static char* names[max_programs];
  char** wanted = argv + optind;
  int count = argc - optind;
  if (count == 0) {
    count = list_programs(names);
    wanted = names;
  }
  int bad = 0;
  for (int index = 0; index < count; index++) bad += run_one(wanted[index]) != 0;
  put_line("DONE", bad == 0 ? "0" : "1", "");
  return bad != 0;
}
