// SPDX-License-Identifier: MIT
//
// What a row of the benchmark is, and how it reports: shared by both benchmark programs.
//
// A row runs in a process of its own, so that a row that crashes or leaks harms no other. It
// reports one or more figures by lines `bench FIGURE VALUE UNIT` on descriptor 1, or gives up by
// `bench-failed ROW ERRNO` and exit status 1. Times are read from the TSC: under `-icount shift=0`
// a tick is an instruction, in wall mode the starter has measured how many ticks a millisecond has
// and a figure is in nanoseconds. Which rows exist for the reader, in which order, with which
// titles and targets, is said in ../targets.json alone.
#pragma once

#include <initializer_list>

#include "raw.h"

namespace bench {

struct Row {
  const char* name;
  void (*run)();
};

inline constexpr size_t page_bytes = 4096;
inline constexpr size_t mib_bytes = 1024 * 1024;

// Set once by the program's entry, before any row runs.
extern const char* running_row;
extern uint64_t ticks_per_millisecond;  // 0: instructions are counted

size_t text_length(const char* text);
bool text_equals(const char* left, const char* right);
uint64_t parse_number(const char* text);

// Writes the number's digits and an end of text.
void print_decimal(char (&text)[24], uint64_t number);

// Writes the parts as one line with one write, so that kernel messages do not cut it.
void print_line(const char* first, const char* second = "", const char* third = "",
                const char* fourth = "");

// Reports ticks that `operations` took together.
void report_ticks(const char* figure, uint64_t ticks, uint64_t operations);
void report_value(const char* figure, uint64_t value_times_ten, const char* unit);

[[noreturn]] void give_up(long negated_errno);
[[noreturn]] void give_up_because(const char* reason);

// Passes a system call's result on, or ends the row.
inline long must(long result) {
  if (is_error(result)) give_up(-result);
  return result;
}

void reap(long pid);
void* map_pages(size_t bytes);
void unmap_pages(void* pages, size_t bytes);
// `bytes` at a huge page's border that may be huge, inside of what has been mapped.
struct HugeRegion {
  char* start;
  void* mapped;
  size_t mapped_bytes;
};
HugeRegion map_huge_pages(size_t bytes);
void make_pipe(int ends[2]);
uint64_t free_memory_bytes();
// The number behind `key` in a small text file of /proc, or -1.
long number_in_file(const char* path, const char* key);

inline constexpr size_t batches = 5;
inline constexpr uint64_t tick_parts = 100;  // how fine a batch's ticks for one operation are kept
uint64_t median(uint64_t (&values)[batches]);

// Does the operation `count` times and returns how often it did. By wall time it stops after a
// tenth of a second: a busy host can make a wake-up of another CPU a thousand times slower.
template <typename Operation>
uint64_t repeat(uint64_t count, Operation operation) {
  if (ticks_per_millisecond == 0) {
    for (uint64_t i = 0; i < count; ++i) operation();
    return count;
  }
  constexpr uint64_t milliseconds_allowed = 100;
  const uint64_t end = read_ticks() + milliseconds_allowed * ticks_per_millisecond;
  uint64_t done = 0;
  do {
    operation();
    ++done;
  } while (done < count && read_ticks() < end);
  return done;
}

// Warms up, then times `batches` runs of `count` operations and reports the median run. A run is
// long enough that what a kernel defers (RCU, lazy frees) is paid within it, not outside.
template <typename Operation>
void measure(const char* figure, uint64_t count, Operation operation) {
  repeat(count / 2 + 1, operation);
  uint64_t taken[batches];
  for (uint64_t& ticks : taken) {
    const uint64_t start = read_ticks();
    const uint64_t done = repeat(count, operation);
    ticks = (read_ticks() - start) * tick_parts / done;
  }
  report_ticks(figure, median(taken), tick_parts);
}

// Times the fork call alone and the whole cycle up to the reaped child. `fork_function` returns in
// the parent only; the child has left by itself.
template <typename Fork>
void measure_fork(const char* call_figure, const char* cycle_figure, uint64_t count,
                  Fork fork_function) {
  uint64_t calls[batches];
  uint64_t cycles[batches];
  for (uint64_t i = 0; i < count / 2 + 1; ++i) reap(fork_function());
  for (size_t batch = 0; batch < batches; ++batch) {
    uint64_t in_calls = 0;
    const uint64_t start = read_ticks();
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t before = read_ticks();
      const long pid = fork_function();
      in_calls += read_ticks() - before;
      reap(pid);
    }
    cycles[batch] = read_ticks() - start;
    calls[batch] = in_calls;
  }
  if (call_figure != nullptr) report_ticks(call_figure, median(calls), count);
  if (cycle_figure != nullptr) report_ticks(cycle_figure, median(cycles), count);
}

long fork_and_exit();

// Entry of a program that was started for one row: `PROGRAM ROW TICKS_PER_MILLISECOND`.
template <size_t count>
int run_named_row(const Row (&rows)[count], const char* name, const char* ticks) {
  ticks_per_millisecond = parse_number(ticks);
  running_row = name;
  for (const Row& row : rows) {
    if (!text_equals(row.name, name)) continue;
    row.run();
    return 0;
  }
  give_up_because("unknown-row");
}

}  // namespace bench
