// SPDX-License-Identifier: MIT
//
// Starts a program that executes itself over and over (exec_loop.h), in place of the row's process.
// Returns only by ending the row, when the first execve fails.
#include "exec_loop.h"
#include "rows.h"

namespace bench {

void start_exec_loop(const char* program, const char* figure) {
  char left[exec_loop_digits + 1] = {};
  char start[exec_loop_digits + 1] = {};
  char ticks[exec_loop_digits + 1] = {};
  put_digits(left, exec_loop_timed + exec_loop_warm_up);
  put_digits(start, 0);
  put_digits(ticks, ticks_per_millisecond);
  const char* const arguments[] = {program, figure, left, start, ticks, nullptr};
  const char* const environment[] = {nullptr};
  give_up(-raw_execve(program, arguments, environment));
}

}  // namespace bench
