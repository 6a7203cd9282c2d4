// SPDX-License-Identifier: MIT
//
// The rows of the no-libc program, by file; see row.h for what a row does and how it fails.
// The table that binds names to them is in main_nolibc.cpp.
#pragma once

#include "row.h"

namespace bench {

// rows_process.cpp
void row_snapshot();
void row_fork_nolibc();
void row_vfork_exit_wait();
void row_fork_exec_tiny();
void row_vfork_exec_tiny();
void row_exec_alone_tiny();
void row_clone_thread_futex_wait();
void row_fork_256_fds();
void row_fork_10000_fds();
void row_fork_100000_fds();
void row_fork_server();
void row_fork_chain_100();
void row_children_1000();

// rows_memory.cpp
void row_pages();
void row_pages_after_sleep();
void row_copy_on_write();
void row_wake_sleeper();
void row_fork_memory_0m();
void row_fork_memory_64m();
void row_fork_memory_256m();
void row_fork_memory_1024m();
void row_fork_huge_64m();
void row_fork_huge_256m();
void row_fork_huge_1024m();
void row_huge_pages();
void row_fork_touch_1_huge();
void row_fork_touch_10_huge();
void row_fork_touch_100_huge();

// rows_mapping.cpp
void row_populate();
void row_map_calls();
void row_protect_calls();
void row_heap_calls();
void row_remap_calls();

// rows_fork.cpp
void row_fork_10_maps();
void row_fork_1000_maps();
void row_fork_50000_maps();
void row_fork_100000_maps();
void row_mmap_after_fork_10();
void row_mmap_after_fork_1000();
void row_mmap_after_fork_100000();
void row_fork_dontfork();
void row_fork_mlocked();
void row_fork_sparse_16g();
void row_fork_touch_1();
void row_fork_touch_10();
void row_fork_touch_100();

// rows_basic.cpp
void row_null_syscall();
void row_pipe_round_trip();
void row_signal_delivery();
void row_shell_loop();

// rows_cpus.cpp
void row_fork_storm();
void row_exec_storm();
void row_pipe_two_cpus();
void row_hackbench_pipes();
void row_hackbench_sockets();

// rows_wake.cpp
void row_yield_alone();
void row_yield_switch();
void row_wake_latency_idle();
void row_wake_latency_busy();

// exec_start.cpp: replaces the process by the program that executes itself over and over.
[[noreturn]] void start_exec_loop(const char* program, const char* figure);

}  // namespace bench
