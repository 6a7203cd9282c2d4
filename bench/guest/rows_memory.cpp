// SPDX-License-Identifier: MIT
//
// Rows of the no-libc program about pages: first touch, unmapping, copy-on-write, and fork with
// much memory touched.
//
// Pages are 4 KiB unless the row says huge; huge rows ask for 2 MiB pages by madvise and end as
// failed where the kernel has none. Too little memory in the machine shows as ENOMEM from mmap, or
// as a killed row (the starter says so): the harness gives 2 GiB.
#include "rows.h"

namespace bench {
namespace {

constexpr size_t region_bytes = 64 * mib_bytes;
constexpr uint64_t region_pages = region_bytes / page_bytes;

void touch_pages(void* pages, size_t bytes, size_t step = page_bytes) {
  const auto first = static_cast<volatile char*>(pages);
  for (size_t offset = 0; offset < bytes; offset += step) first[offset] = 1;
}

// fork with `pages` mapped: the call in the parent, and the rest: child's exit and the wait.
void measure_fork_with_memory(const char* call_figure, const char* exit_figure) {
  constexpr uint64_t forks = 2;
  uint64_t calls[batches];
  uint64_t exits[batches];
  reap(fork_and_exit());
  for (size_t batch = 0; batch < batches; ++batch) {
    calls[batch] = exits[batch] = 0;
    for (uint64_t i = 0; i < forks; ++i) {
      const uint64_t start = read_ticks();
      const long pid = fork_and_exit();
      const uint64_t middle = read_ticks();
      reap(pid);
      calls[batch] += middle - start;
      exits[batch] += read_ticks() - middle;
    }
  }
  report_ticks(call_figure, median(calls), forks);
  report_ticks(exit_figure, median(exits), forks);
}

void fork_with_touched(size_t mib, const char* call_figure, const char* exit_figure) {
  const size_t bytes = mib * mib_bytes;
  void* const pages = map_pages(bytes + page_bytes);  // mmap refuses an empty range
  touch_pages(pages, bytes);
  measure_fork_with_memory(call_figure, exit_figure);
  unmap_pages(pages, bytes + page_bytes);
}

void fork_with_huge_pages(size_t mib, const char* call_figure, const char* exit_figure) {
  const size_t bytes = mib * mib_bytes;
  const HugeRegion region = map_huge_pages(bytes);
  // Every 4 KiB: where a huge page was not to be had, the small ones count as memory touched.
  touch_pages(region.start, bytes);
  measure_fork_with_memory(call_figure, exit_figure);
  unmap_pages(region.mapped, region.mapped_bytes);
}

}  // namespace

void row_pages() {
  uint64_t touched[batches];
  uint64_t unmapped[batches];
  for (size_t batch = 0; batch <= batches; ++batch) {
    void* const pages = map_pages(region_bytes);
    const uint64_t start = read_ticks();
    touch_pages(pages, region_bytes);
    const uint64_t middle = read_ticks();
    unmap_pages(pages, region_bytes);
    if (batch == 0) continue;  // warms up
    unmapped[batch - 1] = read_ticks() - middle;
    touched[batch - 1] = middle - start;
  }
  report_ticks("first_touch", median(touched), region_pages);
  report_ticks("munmap_page", median(unmapped), region_pages);
}

// A few pages each time that the CPU has idled for a moment, when a kernel may have cleared some.
void row_pages_after_sleep() {
  constexpr size_t few_pages = 32;
  const long millisecond[] = {0, 1'000'000};
  uint64_t touched[batches];
  for (size_t batch = 0; batch <= batches; ++batch) {
    void* const pages = map_pages(few_pages * page_bytes);
    must(raw_call(__NR_nanosleep, as_long(millisecond), 0));
    const uint64_t start = read_ticks();
    touch_pages(pages, few_pages * page_bytes);
    if (batch > 0) touched[batch - 1] = read_ticks() - start;  // the first warms up
    unmap_pages(pages, few_pages * page_bytes);
  }
  report_ticks("first_touch_rested", median(touched), few_pages);
}

void row_huge_pages() {
  uint64_t touched[batches];
  uint64_t unmapped[batches];
  for (size_t batch = 0; batch <= batches; ++batch) {
    const HugeRegion region = map_huge_pages(region_bytes);
    const uint64_t start = read_ticks();
    touch_pages(region.start, region_bytes);
    const uint64_t middle = read_ticks();
    unmap_pages(region.mapped, region.mapped_bytes);
    if (batch == 0) continue;  // warms up
    unmapped[batch - 1] = read_ticks() - middle;
    touched[batch - 1] = middle - start;
  }
  report_ticks("first_touch_huge", median(touched), region_pages);
  report_ticks("munmap_page_huge", median(unmapped), region_pages);
}

void row_copy_on_write() {
  uint64_t copied[batches];
  uint64_t reused[batches];
  int gate[2];
  make_pipe(gate);
  void* const pages = map_pages(region_bytes);
  touch_pages(pages, region_bytes);
  for (size_t batch = 0; batch <= batches; ++batch) {
    char byte = 0;
    // A child that lives on: the parent's writes copy.
    const long living = must(raw_fork());
    if (living == 0) raw_exit(raw_read(gate[0], &byte, 1) == 1 ? 0 : 1);
    const uint64_t copy_start = read_ticks();
    touch_pages(pages, region_bytes);
    const uint64_t copy_end = read_ticks();
    must(raw_write(gate[1], &byte, 1));
    reap(living);
    // A child that is gone: the parent is the last owner, its writes only re-enable writing.
    reap(fork_and_exit());
    const uint64_t reuse_start = read_ticks();
    touch_pages(pages, region_bytes);
    const uint64_t reuse_end = read_ticks();
    if (batch == 0) continue;  // warms up
    copied[batch - 1] = copy_end - copy_start;
    reused[batch - 1] = reuse_end - reuse_start;
  }
  report_ticks("cow_copy", median(copied), region_pages);
  report_ticks("cow_reuse", median(reused), region_pages);
}

// A child that sleeps in read(2) is woken through a pipe, writes to its pages and answers: after two
// and a half seconds, when a kernel may have put its page tables away, and at once again.
void row_wake_sleeper() {
  constexpr size_t bytes = 20 * page_bytes;
  const int64_t long_sleep[] = {2, 500'000'000};
  int go[2], done[2];
  make_pipe(go);
  make_pipe(done);
  void* const pages = map_pages(bytes);
  touch_pages(pages, bytes);
  char byte = 0;
  const long child = must(raw_fork());
  if (child == 0) {
    must(raw_call(__NR_close, go[1]));
    while (raw_read(go[0], &byte, 1) == 1) {
      touch_pages(pages, bytes);
      must(raw_write(done[1], &byte, 1));
    }
    raw_exit(0);
  }
  const auto round_trip = [&] {
    const uint64_t start = read_ticks();
    must(raw_write(go[1], &byte, 1));
    must(raw_read(done[0], &byte, 1));
    return read_ticks() - start;
  };
  uint64_t rested[batches], again[batches];
  for (size_t batch = 0; batch <= batches; ++batch) {
    must(raw_call(__NR_nanosleep, as_long(long_sleep), 0));
    const uint64_t first = round_trip(), second = round_trip();
    if (batch == 0) continue;  // the child copies its pages
    rested[batch - 1] = first;
    again[batch - 1] = second;
  }
  must(raw_call(__NR_close, go[1]));
  reap(child);
  report_ticks("wake_rested", median(rested), 1);
  report_ticks("wake_again", median(again), 1);
}

void row_fork_memory_0m() { fork_with_touched(0, "fork_call_0m", "child_exit_0m"); }
void row_fork_memory_64m() { fork_with_touched(64, "fork_call_64m", "child_exit_64m"); }
void row_fork_memory_256m() { fork_with_touched(256, "fork_call_256m", "child_exit_256m"); }
void row_fork_memory_1024m() { fork_with_touched(1024, "fork_call_1024m", "child_exit_1024m"); }

void row_fork_huge_64m() { fork_with_huge_pages(64, "fork_call_64m_huge", "child_exit_64m_huge"); }
void row_fork_huge_256m() {
  fork_with_huge_pages(256, "fork_call_256m_huge", "child_exit_256m_huge");
}
void row_fork_huge_1024m() {
  fork_with_huge_pages(1024, "fork_call_1024m_huge", "child_exit_1024m_huge");
}

}  // namespace bench
