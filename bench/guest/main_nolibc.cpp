// SPDX-License-Identifier: MIT
//
// Entry of the no-libc benchmark program: the rows' table, and what runs as PID 1.
//
// With arguments (ROW TICKS_PER_MILLISECOND) it runs one row in this process. Without, or as PID 1,
// it is the starter (starter.cpp), which runs itself and the glibc program once for each row that
// the kernel command line asks for. `list` prints the rows' names, for the harness's check; `ticks`
// prints how many ticks the TSC makes in a millisecond, which the harness asks on the host.
#include <linux/time.h>
#include <linux/time_types.h>

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
    {"pages_after_sleep", row_pages_after_sleep},
    {"copy_on_write", row_copy_on_write},
    {"populate", row_populate},
    {"map_calls", row_map_calls},
    {"protect_calls", row_protect_calls},
    {"heap_calls", row_heap_calls},
    {"remap_calls", row_remap_calls},
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
    {"fork_100000_maps", row_fork_100000_maps},
    {"mmap_after_fork_10", row_mmap_after_fork_10},
    {"mmap_after_fork_1000", row_mmap_after_fork_1000},
    {"mmap_after_fork_100000", row_mmap_after_fork_100000},
    {"fork_dontfork", row_fork_dontfork},
    {"fork_mlocked", row_fork_mlocked},
    {"fork_sparse_16g", row_fork_sparse_16g},
    {"fork_touch_1", row_fork_touch_1},
    {"fork_touch_10", row_fork_touch_10},
    {"fork_touch_100", row_fork_touch_100},
    {"fork_huge_64m", row_fork_huge_64m},
    {"fork_huge_256m", row_fork_huge_256m},
    {"fork_huge_1024m", row_fork_huge_1024m},
    {"huge_pages", row_huge_pages},
    {"fork_touch_1_huge", row_fork_touch_1_huge},
    {"fork_touch_10_huge", row_fork_touch_10_huge},
    {"fork_touch_100_huge", row_fork_touch_100_huge},
    {"fork_chain_100", row_fork_chain_100},
    {"children_1000", row_children_1000},
    {"shell_loop", row_shell_loop},
    {"snapshot", row_snapshot},
    {"yield_alone", row_yield_alone},
    {"yield_switch", row_yield_switch},
    {"wake_sleeper", row_wake_sleeper},
    {"wake_latency_idle", row_wake_latency_idle},
    {"wake_latency_busy", row_wake_latency_busy},
    {"pipe_two_cpus", row_pipe_two_cpus},
    {"fork_storm", row_fork_storm},
    {"exec_storm", row_exec_storm},
    {"hackbench_pipes", row_hackbench_pipes},
    {"hackbench_sockets", row_hackbench_sockets},
};

// How many ticks the TSC makes in a millisecond by the kernel's clock, over a tenth of a second.
uint64_t calibrate_ticks() {
  constexpr uint64_t wanted_nanoseconds = 100'000'000;
  const auto now = [] {
    __kernel_timespec time = {};
    raw_call(__NR_clock_gettime, CLOCK_MONOTONIC, as_long(&time));
    return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
  };
  const uint64_t start = now();
  const uint64_t start_ticks = read_ticks();
  uint64_t passed = 0;
  while (passed < wanted_nanoseconds) passed = now() - start;
  return (read_ticks() - start_ticks) * 1'000'000 / passed;
}

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
  if (argument_count == 2 && text_equals(arguments[1], "ticks")) {
    char text[24];
    print_decimal(text, calibrate_ticks());
    print_line(text);
    raw_exit(0);
  }
  run_starter(entry_ticks);
}
