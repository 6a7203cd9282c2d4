// SPDX-License-Identifier: MIT
//
// Rows of the no-libc program about the way into the kernel, pipes, signals, and a shell's loop.
//
// A row that fails ends its process (row.h); the pipe row's partner then sees an end of file and
// leaves too.
#include "rows.h"

#include <asm/signal.h>

namespace bench {
namespace {

// The kernel's layout of struct sigaction, which user headers hide behind the C library's.
struct KernelSignalAction {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)();
  unsigned long mask;
};
constexpr unsigned long flag_restorer = 0x04000000;

volatile uint64_t signals_seen = 0;

void count_signal(int) { signals_seen = signals_seen + 1; }

[[gnu::naked]] void return_from_signal() {
  asm volatile(
      "mov %[number], %%eax\n"
      "syscall"
      :
      : [number] "i"(__NR_rt_sigreturn));
}

[[noreturn]] void echo_bytes(int from, int to) {
  char byte = 0;
  while (raw_read(from, &byte, 1) == 1 && raw_write(to, &byte, 1) == 1) {
  }
  raw_exit(0);
}

void run_shell_script(const char* script) {
  const char* const arguments[] = {"/bin/busybox", "sh", "-c", script, nullptr};
  const char* const environment[] = {"PATH=/bin", nullptr};
  reap(raw_vfork_exec("/bin/busybox", arguments, environment));
}

}  // namespace

void row_null_syscall() {
  measure("null_syscall", 20'000, [] { raw_call(__NR_getppid); });
}

void row_pipe_round_trip() {
  int there[2];
  int back[2];
  make_pipe(there);
  make_pipe(back);
  const long pid = must(raw_fork());
  if (pid == 0) {
    raw_close(there[1]);
    raw_close(back[0]);
    echo_bytes(there[0], back[1]);
  }
  raw_close(there[0]);
  raw_close(back[1]);
  measure("pipe_round_trip", 2'000, [&there, &back] {
    char byte = 1;
    must(raw_write(there[1], &byte, 1));
    if (must(raw_read(back[0], &byte, 1)) != 1) give_up_because("end-of-file");
  });
  raw_close(there[1]);
  reap(pid);
}

void row_signal_delivery() {
  const KernelSignalAction action = {count_signal, flag_restorer, return_from_signal, 0};
  must(raw_call(__NR_rt_sigaction, SIGUSR1, as_long(&action), 0, sizeof action.mask));
  const long self = must(raw_call(__NR_getpid));
  uint64_t sent = 0;
  measure("signal_delivery", 5'000, [self, &sent] {
    must(raw_call(__NR_kill, self, SIGUSR1));
    ++sent;
  });
  if (signals_seen != sent) give_up_because("signals-lost");
}

// Two loops of different length: their difference holds no start of a shell.
void row_shell_loop() {
  constexpr uint64_t short_loop = 20;
  constexpr uint64_t long_loop = 120;
  constexpr const char* short_script =
      "i=0; while [ $i -lt 20 ]; do /bin/busybox true; i=$((i+1)); done";
  constexpr const char* long_script =
      "i=0; while [ $i -lt 120 ]; do /bin/busybox true; i=$((i+1)); done";
  uint64_t taken[batches];
  run_shell_script(short_script);  // warms up
  for (uint64_t& ticks : taken) {
    const uint64_t start = read_ticks();
    run_shell_script(short_script);
    const uint64_t middle = read_ticks();
    run_shell_script(long_script);
    const uint64_t both = read_ticks() - middle;
    ticks = both - (middle - start);
  }
  report_ticks("shell_loop", median(taken), long_loop - short_loop);
}

}  // namespace bench
