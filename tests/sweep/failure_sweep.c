// SPDX-License-Identifier: MIT
// CONTRACT: E48 E49 B75
//
// The failure sweep in the guest: for each kind of request, the 1st, 2nd, 3rd... allocation or
// acquiring step of the call fails (/proc/self/fail-nth) until the call succeeds. After each failure
// the errno must be one that the man page gives, and all live counts of the kernel (/proc/tine) must
// be those from before. Prints one line for each kind, "sweep KIND: N steps" or "FAIL KIND: why".
//
// It lives in memory that is shared, so that it has no copy-on-write faults of its own between
// arming and disarming; a failure there would be an out-of-memory kill.
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "check.h"

enum { kCounts = 4, kMaxSteps = 400, kStackSize = 1 << 16 };

static struct {
  int fail_nth, counts;
  volatile int tid;
  char thread_stack[kStackSize] __attribute__((aligned(16)));
} *shared;

struct counts { long value[kCounts]; };

static void read_counts(struct counts* counts) {
  char text[256];
  memset(counts, 0, sizeof *counts);
  ssize_t length = pread(shared->counts, text, sizeof text - 1, 0);
  text[length > 0 ? length : 0] = '\0';
  const char* at = text;
  for (int index = 0; index < kCounts && (at = strchr(at, ' ')) != NULL; index++)
    counts->value[index] = strtol(++at, NULL, 10);
}

static int same(const struct counts* a, const struct counts* b) {
  return memcmp(a, b, sizeof *a) == 0;
}

// What dies gives back its last parts a moment after wait(2) has returned: reads until nothing moves.
static void read_settled_counts(struct counts* counts) {
  struct timespec moment = {0, 1000000};
  struct counts last;
  read_counts(counts);
  for (int unmoved = 0; unmoved < 3; unmoved = same(&last, counts) ? unmoved + 1 : 0) {
    last = *counts;
    nanosleep(&moment, NULL);
    read_counts(counts);
  }
}

static void arm(int nth) {
  char text[16];
  int length = snprintf(text, sizeof text, "%d", nth);
  while (write(shared->fail_nth, text, (size_t)length) != length) continue;
}

// The kinds. Each makes its call with the `nth` step failing, disarms, undoes a success, and gives
// 0 or the errno.
static int finish_child(pid_t child) {
  int failure = errno;
  arm(0);
  if (child < 0) return failure;
  int status;
  while (waitpid(child, &status, 0) == -1 && errno == EINTR) continue;
  return 0;
}

static int try_fork(int nth) {
  arm(nth);
  pid_t child = (pid_t)syscall(SYS_fork);
  if (child == 0) syscall(SYS_exit_group, 0);
  return finish_child(child);
}

static int try_vfork(int nth) {
  arm(nth);
  pid_t child = vfork();
  if (child == 0) syscall(SYS_exit_group, 0);
  return finish_child(child);
}

static int try_clone3_pidfd(int nth) {
  int descriptor = -1;
  struct clone3_arguments arguments;
  memset(&arguments, 0, sizeof arguments);
  arguments.flags = CLONE_PIDFD;
  arguments.pidfd = (uintptr_t)&descriptor;
  arguments.exit_signal = SIGCHLD;
  arm(nth);
  pid_t child = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
  if (child == 0) syscall(SYS_exit_group, 0);
  int result = finish_child(child);
  if (result == 0) close(descriptor);
  return result;
}

static int end_thread(void* unused) {
  (void)unused;
  syscall(SYS_exit, 0);
  return 0;
}

static int try_thread(int nth) {
  shared->tid = 1;
  arm(nth);
  int thread = clone(end_thread, shared->thread_stack + kStackSize,
                     CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                         CLONE_SYSVSEM | CLONE_CHILD_CLEARTID,
                     NULL, NULL, NULL, &shared->tid);
  int failure = errno;
  arm(0);
  if (thread < 0) return failure;
  while (shared->tid != 0) sched_yield();
  return 0;
}

static int try_descriptor(int nth, int (*make)(void)) {
  arm(nth);
  int descriptor = make();
  int failure = errno;
  arm(0);
  if (descriptor < 0) return failure;
  close(descriptor);
  return 0;
}

static int make_eventfd(void) { return eventfd(0, 0); }
static int make_epoll(void) { return epoll_create1(0); }
static int open_process(void) { return open("/proc/self/status", O_RDONLY); }
static int make_memfd(void) { return memfd_create("swept", 0); }
static int try_eventfd(int nth) { return try_descriptor(nth, make_eventfd); }
static int try_epoll(int nth) { return try_descriptor(nth, make_epoll); }
static int try_open_proc(int nth) { return try_descriptor(nth, open_process); }
static int try_memfd(int nth) { return try_descriptor(nth, make_memfd); }

static int try_pipe(int nth) {
  int ends[2];
  arm(nth);
  int result = pipe(ends);
  int failure = errno;
  arm(0);
  if (result < 0) return failure;
  close(ends[0]);
  close(ends[1]);
  return 0;
}

static int try_mmap(int nth) {
  arm(nth);
  void* area = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int failure = errno;
  arm(0);
  if (area == MAP_FAILED) return failure;
  munmap(area, 1 << 20);
  return 0;
}

// exec either fails and returns, or is beyond its point of no return and ends in a death by SIGKILL.
static int try_exec(int nth) {
  pid_t child = vfork();
  if (child == 0) {
    static char* const arguments[] = {"failure_sweep", "end", NULL};
    static char* const environment[] = {NULL};
    int own = open("/proc/self/fail-nth", O_WRONLY | O_CLOEXEC);
    char text[16];
    int length = snprintf(text, sizeof text, "%d", nth);
    if (write(own, text, (size_t)length) == length)
      execve("/tests/sweep/failure_sweep", arguments, environment);
    syscall(SYS_exit_group, errno);
  }
  int status = 0;
  waitpid(child, &status, 0);
  arm(0);
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  return WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGSEGV ? ENOMEM : EINVAL;
}

static void sweep(const char* kind, int (*attempt)(int nth)) {
  struct counts before, after;
  for (int warm_up = 0; warm_up < 3; warm_up++) attempt(0);
  for (int nth = 1; nth <= kMaxSteps; nth++) {
    read_settled_counts(&before);
    int error = attempt(nth);
    read_settled_counts(&after);
    if (!same(&before, &after)) {
      say("FAIL %s: step %d (errno %d): objects %+ld, heap %+ld, frames %+ld, stacks %+ld", kind,
          nth, error, after.value[0] - before.value[0], after.value[1] - before.value[1],
          after.value[2] - before.value[2], after.value[3] - before.value[3]);
      check_failures++;
      return;
    }
    if (error == 0) {
      if (nth == 1) {
        say("FAIL %s: nothing failed", kind);
        check_failures++;
      } else {
        say("sweep %s: %d steps", kind, nth - 1);
      }
      return;
    }
    if (error != ENOMEM && error != EAGAIN) {
      say("FAIL %s: step %d gives errno %d", kind, nth, error);
      check_failures++;
      return;
    }
  }
  say("FAIL %s: never succeeded", kind);
  check_failures++;
}

static const struct { const char* name; int (*attempt)(int); } kKinds[] = {
    {"fork", try_fork}, {"vfork", try_vfork}, {"thread", try_thread},
    {"clone3_pidfd", try_clone3_pidfd}, {"exec", try_exec}, {"pipe", try_pipe},
    {"eventfd", try_eventfd}, {"epoll", try_epoll}, {"open_proc", try_open_proc},
    {"memfd", try_memfd}, {"mmap", try_mmap},
};

static void sweep_all(void) {
  for (size_t index = 0; index < sizeof kKinds / sizeof kKinds[0]; index++)
    sweep(kKinds[index].name, kKinds[index].attempt);
  _exit(check_failures != 0);
}

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "end") == 0) return 0;
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  must(shared == MAP_FAILED ? -1 : 0);
  memset(shared, 0, sizeof *shared);
  shared->fail_nth = must(open("/proc/self/fail-nth", O_WRONLY | O_CLOEXEC));
  shared->counts = must(open("/proc/tine", O_RDONLY | O_CLOEXEC));
  sweep_all();
}
