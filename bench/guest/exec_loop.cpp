// SPDX-License-Identifier: MIT
//
// The program that executes itself over and over, to time execve alone (arguments: exec_loop.h).
//
// Compiled without a C library (TINE_BENCH_NO_LIBC, entry by entry.S), and as static glibc programs
// at fixed addresses and at any. Every round but the last only counts down, so that a round is the
// exec and little else. A failing execve is reported as the row's failure.
#include "exec_loop.h"

#include "row.h"

namespace {

int run_round(char** arguments, char** environment) {
  using namespace bench;
  char* const left_field = arguments[2];
  char* const start_field = arguments[3];
  const uint64_t left = get_digits(left_field);
  if (left == exec_loop_timed) put_digits(start_field, read_ticks());
  if (left == 0) {
    const uint64_t taken = read_ticks() - get_digits(start_field);
    ticks_per_millisecond = get_digits(arguments[4]);
    report_ticks(arguments[1], taken, exec_loop_timed);
    return 0;
  }
  put_digits(left_field, left - 1);
  const long error = raw_execve(arguments[0], arguments, environment);
  running_row = arguments[1];
  give_up(-error);
}

}  // namespace

#ifdef TINE_BENCH_NO_LIBC
extern "C" [[noreturn]] void bench_entry(long* stack) {
  char** const arguments = reinterpret_cast<char**>(stack + 1);
  bench::raw_exit(run_round(arguments, arguments + stack[0] + 1));
}
#else
int main(int, char** arguments, char** environment) { return run_round(arguments, environment); }
#endif
