// SPDX-License-Identifier: MIT
//
// Rows of the no-libc program that make, replace and end processes and threads.
//
// Every row cleans up after itself but for the process it runs in, which the starter discards.
// A call that the kernel refuses ends the row with that errno; children that a failed row leaves
// behind die with a SIGPIPE, an end of file, or as orphans that PID 1 reaps.
#include "rows.h"

#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/sched.h>

namespace bench {
namespace {

constexpr const char* tiny_program = "/bench-tiny";
constexpr const char* const tiny_arguments[] = {tiny_program, nullptr};
constexpr const char* const no_environment[] = {nullptr};

// Forked children that sleep until told to leave, by one byte each on a pipe.
class SleepingChildren {
 public:
  static constexpr uint64_t count = 1000;

  SleepingChildren() {
    make_pipe(ready_);
    make_pipe(leave_);
  }

  // Returns when all of them are asleep (or about to be: the last byte is written before).
  void create() {
    for (long& pid : pids_) {
      pid = must(raw_fork());
      if (pid == 0) sleep_until_told();
    }
    char bytes[64];
    for (uint64_t seen = 0; seen < count;) {
      seen += static_cast<uint64_t>(must(raw_read(ready_[0], bytes, sizeof bytes)));
    }
  }

  void reap_all() {
    const char bytes[count] = {};
    must(raw_write(leave_[1], bytes, sizeof bytes));
    for (long pid : pids_) reap(pid);
  }

 private:
  [[noreturn]] void sleep_until_told() {
    char byte = 0;
    raw_write(ready_[1], &byte, 1);
    raw_exit(raw_read(leave_[0], &byte, 1) == 1 ? 0 : 1);
  }

  int ready_[2];
  int leave_[2];
  long pids_[count];
};

// What the kernel says of its memory, in KiB.
struct MemoryUse {
  uint64_t used, stacks, tables, pages, objects;

  static MemoryUse now() {
    const auto line = [](const char* key) {
      const long kib = number_in_file("/proc/meminfo", key);
      if (kib < 0) give_up_because("no-such-line-in-meminfo");
      return static_cast<uint64_t>(kib);
    };
    return {line("MemTotal:") - free_memory_bytes() / 1024, line("KernelStack:"),
            line("PageTables:"), line("AnonPages:"), line("Slab:")};
  }
};

// Longer than it takes until a kernel takes processes for asleep (Tine: at most two seconds).
void sleep_long() {
  const int64_t seconds_and_nanoseconds[2] = {2, 500'000'000};
  must(raw_call(__NR_nanosleep, as_long(seconds_and_nanoseconds), 0));
}

// By what each of the children has made memory grow, and of what that consists: `awake` when they
// have just fallen asleep, `asleep` when they have slept for long.
void report_memory(const MemoryUse& before, const MemoryUse& awake, const MemoryUse& asleep) {
  const auto report = [](const char* figure, uint64_t kib_before, uint64_t kib_after) {
    // Less than before is none: this process has slept as well.
    const uint64_t grown = kib_after > kib_before ? kib_after - kib_before : 0;
    report_value(figure, grown * 10 / SleepingChildren::count, "KiB");
  };
  report("memory_per_process", before.used, asleep.used);
  report("memory_per_process_awake", before.used, awake.used);
  report("memory_kernel_stack", before.stacks, asleep.stacks);
  report("memory_page_tables", before.tables, asleep.tables);
  report("memory_page_tables_awake", before.tables, awake.tables);
  report("memory_touched_pages", before.pages, asleep.pages);
  report("memory_kernel_objects", before.objects, asleep.objects);
}

// Raises the limit as far as it must be, and opens descriptors until `count` are open.
void open_descriptors(long count) {
  const uint64_t limit[2] = {static_cast<uint64_t>(count) + 16, static_cast<uint64_t>(count) + 16};
  constexpr long resource_nofile = 7;
  must(raw_call(__NR_prlimit64, 0, resource_nofile, as_long(limit), 0));
  int ends[2];
  make_pipe(ends);
  while (must(raw_call(__NR_dup, ends[0])) < count - 1) {
  }
}

// A process that forks a child that forks a child...; each waits for its own.
[[noreturn]] void run_chain(int depth) {
  if (depth == 0) raw_exit(0);
  const long pid = raw_fork();
  if (pid == 0) run_chain(depth - 1);
  int status = 1;
  if (is_error(pid) || is_error(raw_wait(pid, &status))) raw_exit(1);
  raw_exit(status == 0 ? 0 : 1);
}

}  // namespace

void row_fork_nolibc() {
  measure_fork("fork_call_nolibc", "fork_exit_wait_nolibc", 200, fork_and_exit);
}

void row_vfork_exit_wait() {
  measure("vfork_exit_wait", 200, [] { reap(raw_vfork_exit()); });
}

void row_fork_exec_tiny() {
  measure("fork_exec_tiny", 100, [] {
    const long pid = raw_fork();
    if (pid == 0) {
      raw_execve(tiny_program, tiny_arguments, no_environment);
      raw_exit(127);
    }
    reap(pid);
  });
}

void row_vfork_exec_tiny() {
  measure("vfork_exec_tiny", 100,
          [] { reap(raw_vfork_exec(tiny_program, tiny_arguments, no_environment)); });
}

void row_exec_alone_tiny() { start_exec_loop("/bench-exec-tiny", "exec_alone_tiny"); }

void row_clone_thread_futex_wait() {
  constexpr long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                         CLONE_SYSVSEM | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
  constexpr size_t stack_bytes = 64 * 1024;
  char* const stack = static_cast<char*>(map_pages(stack_bytes));
  static int thread_id;
  measure("clone_thread_futex_wait", 200, [stack] {
    must(raw_clone_thread_exit(flags, stack + stack_bytes, &thread_id));
    for (;;) {
      const int seen = __atomic_load_n(&thread_id, __ATOMIC_ACQUIRE);
      if (seen == 0) break;
      // EAGAIN: the thread left between the load and the call.
      raw_call(__NR_futex, as_long(&thread_id), FUTEX_WAIT, seen, 0);
    }
  });
  unmap_pages(stack, stack_bytes);
}

void row_fork_256_fds() {
  open_descriptors(256);
  measure_fork("fork_call_256_fds", "fork_256_fds", 100, fork_and_exit);
}

void row_fork_10000_fds() {
  open_descriptors(10'000);
  measure_fork("fork_call_10000_fds", "fork_10000_fds", 10, fork_and_exit);
}

void row_fork_100000_fds() {
  open_descriptors(100'000);
  measure_fork("fork_call_100000_fds", "fork_100000_fds", 4, fork_and_exit);
}

// What a fuzzer's fork server does for each input: it is told to start, forks a child that writes
// to a few pages of a warm 16 MiB process and leaves, waits for it, and tells how it ended.
void row_fork_server() {
  constexpr size_t bytes = 16 * mib_bytes;
  constexpr size_t touched_pages = 32;
  const auto memory = static_cast<volatile char*>(map_pages(bytes));
  for (size_t at = 0; at < bytes; at += page_bytes) memory[at] = 1;
  int orders[2], answers[2];
  make_pipe(orders);
  make_pipe(answers);
  const long server = must(raw_fork());
  if (server == 0) {
    raw_close(orders[1]);
    uint32_t word;
    while (raw_read(orders[0], &word, sizeof word) == sizeof word) {
      const long pid = raw_fork();
      if (pid == 0) {
        for (size_t page = 0; page < touched_pages; ++page) memory[page * 97 * page_bytes] = 2;
        raw_exit(0);
      }
      int status = 1;
      if (is_error(pid) || is_error(raw_wait(pid, &status))) raw_exit(1);
      raw_write(answers[1], &status, sizeof status);
    }
    raw_exit(0);
  }
  measure("fork_server", 50, [&] {
    const uint32_t word = 0;
    int status = 1;
    must(raw_write(orders[1], &word, sizeof word));
    if (must(raw_read(answers[0], &status, sizeof status)) != sizeof status || status != 0) {
      give_up_because("a-child-failed");
    }
  });
  raw_close(orders[1]);
  reap(server);
}

void row_fork_chain_100() {
  constexpr int depth = 100;
  uint64_t taken[batches];
  for (size_t batch = 0; batch <= batches; ++batch) {
    const uint64_t start = read_ticks();
    const long pid = must(raw_fork());
    if (pid == 0) run_chain(depth - 1);
    reap(pid);
    if (batch > 0) taken[batch - 1] = read_ticks() - start;  // the first warms up
  }
  report_ticks("fork_chain_100", median(taken), depth);
}

// server.c measures and reports; this process becomes it.
void row_snapshot() {
  const char* const unit = ticks_per_millisecond == 0 ? "instructions" : "ns";
  const char* const arguments[] = {"/bench-server", unit, nullptr};
  give_up(-raw_execve(arguments[0], arguments, no_environment));
}

void row_children_1000() {
  static SleepingChildren children;
  uint64_t created[batches];
  uint64_t reaped[batches];
  MemoryUse before = {}, awake = {}, asleep = {};
  for (size_t batch = 0; batch <= batches; ++batch) {
    if (batch == 0) before = MemoryUse::now();
    const uint64_t start = read_ticks();
    children.create();
    const uint64_t middle = read_ticks();
    if (batch == 0) {
      awake = MemoryUse::now();
      sleep_long();
      asleep = MemoryUse::now();
    }
    const uint64_t resumed = read_ticks();
    children.reap_all();
    if (batch == 0) {
      // Warms up; and only now is what the children take taken from free memory. Later it
      // comes from per-CPU lists and caches that the first children filled when they left.
      continue;
    }
    reaped[batch - 1] = read_ticks() - resumed;
    created[batch - 1] = middle - start;
  }
  report_ticks("children_1000_create", median(created), SleepingChildren::count);
  report_ticks("children_1000_reap", median(reaped), SleepingChildren::count);
  report_memory(before, awake, asleep);
}

}  // namespace bench
