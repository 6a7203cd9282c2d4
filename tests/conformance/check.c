// SPDX-License-Identifier: MIT
//
// The helpers that check.h declares. Everything is plain system calls and formatting into a
// stack buffer: no stdio streams, no allocation, so that they work in a child of vfork, in a
// signal handler and on a small stack of clone.
#include "check.h"

int check_failures = 0;

void say(const char* format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof line - 1, format, arguments);
  va_end(arguments);
  if (length > (int)sizeof line - 2) length = sizeof line - 2;
  line[length++] = '\n';
  if (write(STDOUT_FILENO, line, (size_t)length) != length) check_failures++;
}

void ok(const char* label, int condition) {
  if (condition) {
    say("%s: ok", label);
    return;
  }
  check_failures++;
  say("%s: MISMATCH", label);
}

void equal(const char* label, long got, long want) {
  if (got == want) {
    say("%s: ok", label);
    return;
  }
  check_failures++;
  say("%s: MISMATCH got %ld want %ld", label, got, want);
}

void fails_with(const char* label, long result, int seen_errno, int want_errno) {
  if (result == -1 && seen_errno == want_errno) {
    say("%s: ok", label);
    return;
  }
  check_failures++;
  say("%s: MISMATCH result %ld errno %d want errno %d", label, result, seen_errno, want_errno);
}

long must_at(long result, const char* text, int line) {
  if (result != -1) return result;
  say("set-up failed at line %d: %s: errno %d", line, text, errno);
  _exit(99);
}

void exits(const char* label, pid_t pid, int code) {
  int status = 0;
  pid_t seen = waitpid(pid, &status, __WALL);
  if (seen == pid && WIFEXITED(status) && WEXITSTATUS(status) == code) {
    say("%s: ok", label);
    return;
  }
  check_failures++;
  say("%s: MISMATCH status 0x%x want exit %d", label, status, code);
}

void killed_by(const char* label, pid_t pid, int signal_number) {
  int status = 0;
  pid_t seen = waitpid(pid, &status, __WALL);
  if (seen == pid && WIFSIGNALED(status) && WTERMSIG(status) == signal_number) {
    say("%s: ok", label);
    return;
  }
  check_failures++;
  say("%s: MISMATCH status 0x%x want signal %d", label, status, signal_number);
}

struct gate gate_make(void) {
  struct gate gate;
  must(pipe(gate.ends));
  return gate;
}

void gate_open(struct gate gate) { must(write(gate.ends[1], "x", 1)); }

void gate_wait(struct gate gate) {
  char byte;
  while (read(gate.ends[0], &byte, 1) == -1) {
    if (errno != EINTR) must(-1);
  }
}

void* shared_memory(size_t size) {
  void* memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  must((long)memory);
  return memory;
}

long slurp(const char* path, char* buffer, size_t size) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor == -1) return -1;
  size_t length = 0;
  while (length < size - 1) {
    ssize_t count = read(descriptor, buffer + length, size - 1 - length);
    if (count <= 0) break;
    length += (size_t)count;
  }
  buffer[length] = '\0';
  close(descriptor);
  return (long)length;
}

void spill(const char* path, const void* contents, size_t size, mode_t mode) {
  int descriptor = (int)must(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (write(descriptor, contents, size) != (ssize_t)size) must(-1);
  must(fchmod(descriptor, mode));
  must(close(descriptor));
}

long stat_field(pid_t pid, int number) {
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  if (slurp(path, text, sizeof text) <= 0) return -1;
  const char* cursor = strrchr(text, ')');
  if (cursor == NULL) return -1;
  cursor += 2;  // field 3
  for (int field = 3; field < number; field++) {
    cursor = strchr(cursor, ' ');
    if (cursor == NULL) return -1;
    cursor++;
  }
  return number == 3 ? (long)*cursor : strtol(cursor, NULL, 10);
}

void wait_state(pid_t pid, char state) {
  for (;;) {
    long seen = stat_field(pid, 3);
    if (seen == state) return;
    if (seen == -1) {
      say("process vanished while waiting for state %c", state);
      _exit(99);
    }
    sched_yield();
  }
}

void handle(int signal_number, void (*handler)(int), int flags) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigemptyset(&action.sa_mask);
  must(sigaction(signal_number, &action, NULL));
}

static void change_mask(int how, int signal_number) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal_number);
  must(sigprocmask(how, &set, NULL));
}

void block(int signal_number) { change_mask(SIG_BLOCK, signal_number); }
void unblock(int signal_number) { change_mask(SIG_UNBLOCK, signal_number); }

int is_pending(int signal_number) {
  sigset_t set;
  must(sigpending(&set));
  return sigismember(&set, signal_number);
}

long long now_ns(clockid_t clock) {
  struct timespec time;
  must(clock_gettime(clock, &time));
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

int finish(void) {
  say("end: %s", check_failures == 0 ? "all as expected" : "MISMATCHES");
  return check_failures == 0 ? 0 : 1;
}

pid_t raw_clone(unsigned long flags, int* parent_tid, int* child_tid) {
  return (pid_t)syscall(SYS_clone, flags, NULL, parent_tid, child_tid, NULL);
}

pid_t raw_clone3(struct clone3_arguments* arguments, size_t size) {
  return (pid_t)syscall(SYS_clone3, arguments, size);
}

// The child starts with nothing but its stack, so function and argument travel on it. In assembly,
// because no compiler may touch the old frame on the new stack.
__asm__(
    ".text\n"
    ".type clone_raw_stack, @function\n"
    "clone_raw_stack:\n"  // (flags, stack, parent_tid, child_tid, tls)
    "  mov %rcx, %r10\n"
    "  mov $56, %eax\n"
    "  syscall\n"
    "  test %rax, %rax\n"
    "  jnz 1f\n"
    "  xor %ebp, %ebp\n"
    "  pop %rax\n"
    "  pop %rdi\n"
    "  call *%rax\n"
    "  mov %eax, %edi\n"
    "  mov $60, %eax\n"
    "  syscall\n"
    "  hlt\n"
    "1: ret\n");
long clone_raw_stack(unsigned long flags, void* stack, int* parent_tid, int* child_tid, void* tls);

pid_t clone_on_stack(unsigned long flags, void* stack_top, int (*function)(void*), void* argument,
                     int* parent_tid, int* child_tid, void* tls) {
  void** top = (void**)((uintptr_t)stack_top & ~(uintptr_t)15);
  top[-2] = (void*)function;
  top[-1] = argument;
  long result = clone_raw_stack(flags, top - 2, parent_tid, child_tid, tls);
  if (result < 0) {
    errno = (int)-result;
    return -1;
  }
  return (pid_t)result;
}
