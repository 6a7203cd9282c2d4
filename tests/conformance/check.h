// SPDX-License-Identifier: MIT
//
// Helpers for the conformance programs: one small static C program per behaviour, whose output must
// be the same on the host's Linux and in Tine, and which knows itself what it should be.
//
// Each check prints one line: "label: ok", or "label: MISMATCH ..." with what was seen. Lines hold
// relations only (no pid, address or time), so two right kernels print the same bytes. Every line
// is one write(2): a fork never duplicates buffered output, and lines of two processes do not mix.
//
// A failed check is counted in the process that made it. A child ends with `_exit(check_failures)`
// and its parent asserts that with `exits(label, pid, 0)`; main ends with `return finish();`.
// Set-up that cannot be done (`must`) ends the program with status 99 and says which line it was.
// No locks; the counter is for one thread per process unless a program says otherwise.
#ifndef TINE_TESTS_CONFORMANCE_CHECK_H_
#define TINE_TESTS_CONFORMANCE_CHECK_H_

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern int check_failures;

// Prints one line with a single write(2).
void say(const char* format, ...) __attribute__((format(printf, 1, 2)));

// The three kinds of check. `fails_with` wants -1 and that errno.
void ok(const char* label, int condition);
void equal(const char* label, long got, long want);
void fails_with(const char* label, long result, int seen_errno, int want_errno);
#define fails(label, call, want_errno)                       \
  do {                                                       \
    errno = 0;                                               \
    long fails_result_ = (long)(call);                       \
    fails_with((label), fails_result_, errno, (want_errno)); \
  } while (0)

// Set-up that has to work for the program to mean anything: ends it with status 99 otherwise.
long must_at(long result, const char* text, int line);
#define must(call) must_at((long)(call), #call, __LINE__)

// Waits for a child and checks how it ended.
void exits(const char* label, pid_t pid, int code);
void killed_by(const char* label, pid_t pid, int signal_number);

// A gate is a pipe on which one process waits until another opens it.
struct gate {
  int ends[2];
};
struct gate gate_make(void);
void gate_open(struct gate gate);
void gate_wait(struct gate gate);

// Zeroed memory that is shared with children.
void* shared_memory(size_t size);

// Gives the field with proc(5)'s number (3 is the state letter) of /proc/PID/stat; -1 if gone.
long stat_field(pid_t pid, int number);
// Returns once the process is in the given state (for instance 'S' or 'T').
void wait_state(pid_t pid, char state);
// Reads a whole file into a buffer as a string; -1 if it cannot be opened.
long slurp(const char* path, char* buffer, size_t size);
// Writes a new file with these contents.
void spill(const char* path, const void* contents, size_t size, mode_t mode);

// Installs a handler with the given sa_flags and an empty mask.
void handle(int signal_number, void (*handler)(int), int flags);
// Blocks or unblocks one signal.
void block(int signal_number);
void unblock(int signal_number);
int is_pending(int signal_number);

long long now_ns(clockid_t clock);

// The summary line and the exit status of the whole program.
int finish(void);

// ABI that the C library's headers may lack.
#ifndef MFD_HUGETLB
#define MFD_HUGETLB 4u
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif
#ifndef FALLOC_FL_KEEP_SIZE
#define FALLOC_FL_KEEP_SIZE 1
#define FALLOC_FL_PUNCH_HOLE 2
#endif
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x1000
#endif
#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ULL
#endif
#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#ifndef __WNOTHREAD
#define __WNOTHREAD 0x20000000
#endif
#ifndef __WALL
#define __WALL 0x40000000
#endif
#ifndef __WCLONE
#define __WCLONE 0x80000000
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
struct clone3_arguments {
  uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
  uint64_t set_tid, set_tid_size, cgroup;
};
// clone(2) and clone3(2) without any C library around them; fork-like (no stack of its own).
pid_t raw_clone(unsigned long flags, int* parent_tid, int* child_tid);
pid_t raw_clone3(struct clone3_arguments* arguments, size_t size);
// Starts function(argument) on its own stack by clone(2); it ends with exit(2)'s status returned.
pid_t clone_on_stack(unsigned long flags, void* stack_top, int (*function)(void*), void* argument,
                     int* parent_tid, int* child_tid, void* tls);

#endif  // TINE_TESTS_CONFORMANCE_CHECK_H_
