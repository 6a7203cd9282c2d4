// SPDX-License-Identifier: MIT
//
// Entry and rows of the benchmark program that carries a static glibc: fork with its atfork work
// and mappings, posix_spawn, threads. One row for each start, chosen by `ROW
// TICKS_PER_MILLISECOND`; `list` prints the rows' names.
//
// A library call that fails ends the row with its errno (row.h).
#include <errno.h>
#include <pthread.h>
#include <spawn.h>
#include <unistd.h>

#include "rows.h"
#include "rows_threads.h"

namespace bench {
namespace {

constexpr const char* glibc_target = "/bench-glibc-true";
constexpr const char* dynamic_target = "/bench-dynamic-true";
constexpr const char* tiny_target = "/bench-tiny";

long glibc_fork_and_exit() {
  const pid_t pid = fork();
  if (pid == 0) _exit(0);
  if (pid < 0) give_up(errno);
  return pid;
}

void row_fork_glibc() {
  measure_fork("fork_call_glibc", "fork_exit_wait_glibc", 200, glibc_fork_and_exit);
}

void measure_fork_exec(const char* figure, size_t times, const char* target) {
  measure(figure, times, [target] {
    const pid_t pid = fork();
    if (pid == 0) {
      execl(target, target, nullptr);
      _exit(127);
    }
    if (pid < 0) give_up(errno);
    reap(pid);
  });
}

void measure_vfork_exec(const char* figure, size_t times, const char* target) {
  measure(figure, times, [target] {
    const char* const arguments[] = {target, nullptr};
    reap(raw_vfork_exec(target, arguments, environ));
  });
}

void row_fork_exec_glibc() { measure_fork_exec("fork_exec_glibc", 100, glibc_target); }
void row_vfork_exec_glibc() { measure_vfork_exec("vfork_exec_glibc", 100, glibc_target); }
void row_fork_exec_dynamic() { measure_fork_exec("fork_exec_dynamic", 20, dynamic_target); }
void row_vfork_exec_dynamic() { measure_vfork_exec("vfork_exec_dynamic", 20, dynamic_target); }

void row_exec_alone_glibc() { start_exec_loop("/bench-exec-glibc", "exec_alone_glibc"); }
void row_exec_alone_static_pie() {
  start_exec_loop("/bench-exec-static-pie", "exec_alone_static_pie");
}

void row_posix_spawn() {
  measure("posix_spawn", 100, [] {
    char* arguments[] = {const_cast<char*>(tiny_target), nullptr};
    pid_t pid = 0;
    const int error = posix_spawn(&pid, tiny_target, nullptr, nullptr, arguments, environ);
    if (error != 0) give_up(error);
    reap(pid);
  });
}

void row_pthread_create_join() {
  measure("pthread_create_join", 200, [] {
    pthread_t thread;
    const int error =
        pthread_create(&thread, nullptr, [](void* argument) { return argument; }, nullptr);
    if (error != 0) give_up(error);
    pthread_join(thread, nullptr);
  });
}

constexpr Row rows[] = {
    {"fork_glibc", row_fork_glibc},
    {"fork_exec_glibc", row_fork_exec_glibc},
    {"vfork_exec_glibc", row_vfork_exec_glibc},
    {"exec_alone_glibc", row_exec_alone_glibc},
    {"exec_alone_static_pie", row_exec_alone_static_pie},
    {"fork_exec_dynamic", row_fork_exec_dynamic},
    {"vfork_exec_dynamic", row_vfork_exec_dynamic},
    {"posix_spawn", row_posix_spawn},
    {"pthread_create_join", row_pthread_create_join},
    {"futex_round_trip", row_futex_round_trip},
    {"futex_two_cpus", row_futex_two_cpus},
    {"thread_storm", row_thread_storm},
};

}  // namespace
}  // namespace bench

int main(int argument_count, char** arguments) {
  using namespace bench;
  if (argument_count == 3) return run_named_row(rows, arguments[1], arguments[2]);
  if (argument_count == 2 && text_equals(arguments[1], "list")) {
    for (const Row& row : rows) print_line(row.name);
    return 0;
  }
  print_line("usage: bench-glibc ROW TICKS_PER_MILLISECOND");
  return 2;
}
