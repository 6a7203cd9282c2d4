// SPDX-License-Identifier: MIT
//
// Rows of the no-libc program about what fork's cost depends on: mappings, memory spread over many
// page tables, and what the parent pays afterwards for the pages that it writes to while the child
// lives, in total and at worst for one page.
//
// The pages written are spread evenly, which is the worst for a kernel that copies page tables when
// they are first needed. 896 MiB is what fits twice into the machine's 2 GiB.
#include "rows.h"

#include <linux/fcntl.h>
#include <linux/mman.h>

namespace bench {
namespace {

// Where it cannot be raised, mprotect will say ENOMEM when it comes to that.
void raise_mapping_limit(const char* limit) {
  const long file = raw_open("/proc/sys/vm/max_map_count", O_WRONLY);
  if (is_error(file)) return;
  raw_write(static_cast<int>(file), limit, text_length(limit));
  raw_close(static_cast<int>(file));
}

// Neighbours differ in protection, or the kernel would merge them; every one has a page.
volatile char* make_mappings(uint64_t count) {
  if (count > 60'000) raise_mapping_limit("200000");
  const auto pages = static_cast<volatile char*>(map_pages(count * page_bytes));
  for (uint64_t i = 0; i < count; ++i) {
    pages[i * page_bytes] = 1;
    if (i % 2 != 0) continue;
    must(raw_call(__NR_mprotect, as_long(pages + i * page_bytes), page_bytes, PROT_READ));
  }
  return pages;
}

struct ForkFigures {
  const char* call;
  const char* cycle;
};

void fork_with_mappings(uint64_t count, uint64_t forks, ForkFigures figures) {
  make_mappings(count);
  measure_fork(figures.call, figures.cycle, forks, fork_and_exit);
}

uint64_t time_one_mmap() {
  const uint64_t start = read_ticks();
  must(raw_call(__NR_mmap, 0, page_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  return read_ticks() - start;
}

struct MmapFigures {
  const char* parent;
  const char* child;
};

// The first mmap after a fork, on each side, while the other side has changed nothing.
void mmap_after_fork(uint64_t count, MmapFigures figures) {
  make_mappings(count);
  const auto taken_by_child = reinterpret_cast<volatile uint64_t*>(must(raw_call(
      __NR_mmap, 0, page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)));
  int gate[2];
  make_pipe(gate);
  char byte = 0;
  uint64_t parent[batches];
  uint64_t child[batches];
  for (size_t batch = 0; batch < batches; ++batch) {
    long pid = must(raw_fork());
    if (pid == 0) raw_exit(raw_read(gate[0], &byte, 1) == 1 ? 0 : 1);
    parent[batch] = time_one_mmap();
    must(raw_write(gate[1], &byte, 1));
    reap(pid);
    pid = must(raw_fork());
    if (pid == 0) {
      *taken_by_child = time_one_mmap();
      raw_exit(0);
    }
    reap(pid);
    child[batch] = *taken_by_child;
  }
  report_ticks(figures.parent, median(parent), 1);
  report_ticks(figures.child, median(child), 1);
}

struct TouchFigures {
  const char* total;
  const char* worst;
};

void fork_and_touch(volatile char* pages, size_t bytes, uint64_t pages_a_touch,
                    TouchFigures figures) {
  for (size_t offset = 0; offset < bytes; offset += page_bytes) pages[offset] = 1;
  int gate[2];
  make_pipe(gate);
  char byte = 0;
  reap(fork_and_exit());
  const uint64_t start = read_ticks();
  const long child = must(raw_fork());
  if (child == 0) raw_exit(raw_read(gate[0], &byte, 1) == 1 ? 0 : 1);
  uint64_t before = read_ticks();
  uint64_t worst = before - start;
  for (size_t offset = 0; offset < bytes; offset += pages_a_touch * page_bytes) {
    pages[offset] = 2;
    const uint64_t now = read_ticks();
    if (now - before > worst) worst = now - before;
    before = now;
  }
  report_ticks(figures.total, before - start, 1);
  report_ticks(figures.worst, worst, 1);
  must(raw_write(gate[1], &byte, 1));
  reap(child);
}

void touch_small(size_t mib, uint64_t pages_a_touch, TouchFigures figures) {
  const size_t bytes = mib * mib_bytes;
  fork_and_touch(static_cast<volatile char*>(map_pages(bytes)), bytes, pages_a_touch, figures);
}
void touch_huge(size_t mib, uint64_t pages_a_touch, TouchFigures figures) {
  const size_t bytes = mib * mib_bytes;
  fork_and_touch(map_huge_pages(bytes).start, bytes, pages_a_touch, figures);
}

}  // namespace

void row_fork_10_maps() { fork_with_mappings(10, 4, {"fork_call_10_maps", "fork_10_maps"}); }
void row_fork_1000_maps() {
  fork_with_mappings(1000, 10, {"fork_call_1000_maps", "fork_1000_maps"});
}
void row_fork_50000_maps() {
  fork_with_mappings(50'000, 4, {"fork_call_50000_maps", "fork_50000_maps"});
}
void row_fork_100000_maps() {
  fork_with_mappings(100'000, 1, {"fork_call_100000_maps", "fork_100000_maps"});
}

void row_mmap_after_fork_10() {
  mmap_after_fork(10, {"mmap_parent_10_maps", "mmap_child_10_maps"});
}
void row_mmap_after_fork_1000() {
  mmap_after_fork(1000, {"mmap_parent_1000_maps", "mmap_child_1000_maps"});
}
void row_mmap_after_fork_100000() {
  mmap_after_fork(100'000, {"mmap_parent_100000_maps", "mmap_child_100000_maps"});
}

void row_fork_dontfork() {
  constexpr uint64_t count = 10'000;
  volatile char* pages = make_mappings(count);
  must(raw_call(__NR_madvise, as_long(pages + count / 2 * page_bytes), page_bytes, MADV_DONTFORK));
  measure_fork("fork_call_dontfork", "fork_dontfork", 4, fork_and_exit);
}
void row_fork_mlocked() {
  constexpr uint64_t count = 10'000;
  volatile char* pages = make_mappings(count);
  must(raw_call(__NR_mlock, as_long(pages + count / 2 * page_bytes), page_bytes));
  measure_fork("fork_call_mlocked", "fork_mlocked", 4, fork_and_exit);
}

void row_fork_sparse_16g() {
  constexpr long bytes = 16l << 30;
  constexpr size_t stride = 2 * mib_bytes;  // a page in each lowest-level table
  const long address = must(raw_call(__NR_mmap, 0, bytes, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  raw_call(__NR_madvise, address, bytes, MADV_NOHUGEPAGE);
  const auto pages = reinterpret_cast<volatile char*>(address);
  for (size_t offset = 0; offset < bytes; offset += stride) pages[offset] = 1;
  measure_fork("fork_call_sparse_16g", "fork_sparse_16g", 4, fork_and_exit);
}

void row_fork_touch_1() { touch_small(1024, 100, {"fork_touch_1", "fork_touch_1_worst"}); }
void row_fork_touch_10() { touch_small(1024, 10, {"fork_touch_10", "fork_touch_10_worst"}); }
void row_fork_touch_100() { touch_small(896, 1, {"fork_touch_100", "fork_touch_100_worst"}); }

void row_fork_touch_1_huge() {
  touch_huge(1024, 100, {"fork_touch_1_huge", "fork_touch_1_huge_worst"});
}
void row_fork_touch_10_huge() {
  touch_huge(1024, 10, {"fork_touch_10_huge", "fork_touch_10_huge_worst"});
}
void row_fork_touch_100_huge() {
  touch_huge(896, 1, {"fork_touch_100_huge", "fork_touch_100_huge_worst"});
}

}  // namespace bench
