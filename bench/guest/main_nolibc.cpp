// SPDX-License-Identifier: MIT
//
// Entry of the no-libc benchmark program: the rows' table, and what runs as PID 1.
//
// With arguments (ROW TICKS_PER_MILLISECOND) it runs one row in this process. Without, or as PID 1,
// it is the starter (starter.cpp), which runs itself and the glibc program once for each row that
// the kernel command line asks for. `list` prints the rows' names, for the harness's check.
#include "rows.h"
#include "starter.h"

namespace bench {
namespace {

constexpr Row rows[] = {
    {"null_syscall", row_null_syscall},
    {"fork_nolibc", row_fork_nolibc},
    {"vfork_exit_wait", row_vfork_exit_wait},
    {"fork_exec_tiny", row_fork_exec_tiny},
    {"vfork_exec_tiny", row_vfork_exec_tiny},
    {"exec_alone_tiny", row_exec_alone_tiny},
    {"clone_thread_futex_wait", row_clone_thread_futex_wait},
    {"pipe_round_trip", row_pipe_round_trip},
    {"signal_delivery", row_signal_delivery},
    {"pages", row_pages},
    {"copy_on_write", row_copy_on_write},
    {"fork_256_fds", row_fork_256_fds},
    {"fork_10000_fds", row_fork_10000_fds},
    {"fork_100000_fds", row_fork_100000_fds},
    {"fork_server", row_fork_server},
    {"fork_1000_maps", row_fork_1000_maps},
    {"fork_memory_0m", row_fork_memory_0m},
    {"fork_memory_64m", row_fork_memory_64m},
    {"fork_memory_256m", row_fork_memory_256m},
    {"fork_memory_1024m", row_fork_memory_1024m},
    {"fork_10_maps", row_fork_10_maps},
    {"fork_50000_maps", row_fork_50000_maps},
    {"fork_sparse_16g", row_fork_sparse_16g},
    {"fork_touch_1", row_fork_touch_1},
    {"fork_touch_10", row_fork_touch_10},
    {"fork_touch_100", row_fork_touch_100},
    {"fork_huge_64m", row_fork_huge_64m},
    {"fork_huge_256m", row_fork_huge_256m},
    {"fork_huge_1024m", row_fork_huge_1024m},
    {"fork_chain_100", row_fork_chain_100},
    {"children_1000", row_children_1000},
    {"shell_loop", row_shell_loop},
};

}  // namespace

bool is_nolibc_row(const char* name) {
  for (const Row& row : rows) {
    if (text_equals(row.name, name)) return true;
  }
  return false;
}

}  // namespace bench

extern "C" [[noreturn]] void bench_entry(long* stack, uint64_t entry_ticks) {
  using namespace bench;
  const long argument_count = stack[0];
  char** const arguments = reinterpret_cast<char**>(stack + 1);
  if (argument_count == 3) raw_exit(run_named_row(rows, arguments[1], arguments[2]));
  if (argument_count == 2 && text_equals(arguments[1], "list")) {
    for (const Row& row : rows) print_line(row.name);
    raw_exit(0);
  }
  run_starter(entry_ticks);
}
