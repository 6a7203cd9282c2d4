// SPDX-License-Identifier: MIT
//
// Rows of the no-libc program about single calls that change an address space: mmap, munmap,
// mprotect, mremap, brk, and those that bring in many pages at once.
//
// The program has a handful of mappings, as small programs do; what many mappings cost is in
// rows_fork.cpp. A kernel without one of the calls ends the row as failed.
#include "rows.h"

#include <linux/mman.h>

namespace bench {
namespace {

constexpr size_t region_bytes = 64 * mib_bytes;
constexpr uint64_t region_pages = region_bytes / page_bytes;
constexpr uint64_t calls = 200;
constexpr int readable = PROT_READ;
constexpr int writable = PROT_READ | PROT_WRITE;

// The median ticks of `act(region)`, which gets fresh memory each time.
template <typename Act>
uint64_t time_on_fresh_region(Act act) {
  uint64_t taken[batches];
  for (size_t batch = 0; batch <= batches; ++batch) {
    void* const pages = map_pages(region_bytes);
    const uint64_t start = read_ticks();
    act(pages);
    const uint64_t ticks = read_ticks() - start;
    unmap_pages(pages, region_bytes);
    if (batch > 0) taken[batch - 1] = ticks;  // the first warms up
  }
  return median(taken);
}

long map_shared(long flags) {
  return must(
      raw_call(__NR_mmap, 0, region_bytes, writable, MAP_SHARED | MAP_ANONYMOUS | flags, -1, 0));
}

uint64_t time_populating_shared_memory() {
  uint64_t taken[batches];
  for (uint64_t& ticks : taken) {
    const uint64_t start = read_ticks();
    const long pages = map_shared(MAP_POPULATE);
    ticks = read_ticks() - start;
    unmap_pages(reinterpret_cast<void*>(pages), region_bytes);
  }
  return median(taken);
}

}  // namespace

void row_populate() {
  report_ticks("populate_page", time_on_fresh_region([](void* pages) {
                 must(raw_call(__NR_madvise, as_long(pages), region_bytes, MADV_POPULATE_WRITE));
               }),
               region_pages);
  report_ticks("populate_page_shared", time_populating_shared_memory(), region_pages);
}

void row_map_calls() {
  uint64_t mapped[batches];
  uint64_t unmapped[batches];
  for (size_t batch = 0; batch < batches; ++batch) {
    mapped[batch] = unmapped[batch] = 0;
    for (uint64_t i = 0; i < calls; ++i) {
      const uint64_t start = read_ticks();
      const long page =
          must(raw_call(__NR_mmap, 0, page_bytes, readable, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
      const uint64_t middle = read_ticks();
      must(raw_call(__NR_munmap, page, page_bytes));
      unmapped[batch] += read_ticks() - middle;
      mapped[batch] += middle - start;
    }
  }
  report_ticks("mmap_call", median(mapped), calls);
  report_ticks("munmap_call", median(unmapped), calls);
}

// The middle of three touched pages: the mapping is cut in three and joined again.
void row_protect_calls() {
  const auto pages = static_cast<volatile char*>(map_pages(3 * page_bytes));
  for (size_t i = 0; i < 3; ++i) pages[i * page_bytes] = 1;
  const auto protect_middle = [pages](long rights) {
    must(raw_call(__NR_mprotect, as_long(pages) + page_bytes, page_bytes, rights));
  };
  uint64_t cut[batches];
  uint64_t joined[batches];
  for (size_t batch = 0; batch < batches; ++batch) {
    cut[batch] = joined[batch] = 0;
    for (uint64_t i = 0; i < calls; ++i) {
      const uint64_t start = read_ticks();
      protect_middle(readable);
      const uint64_t middle = read_ticks();
      protect_middle(writable);
      joined[batch] += read_ticks() - middle;
      cut[batch] += middle - start;
    }
  }
  report_ticks("mprotect_cut", median(cut), calls);
  report_ticks("mprotect_join", median(joined), calls);
}

void row_heap_calls() {
  const long heap = must(raw_call(__NR_brk, 0)) + page_bytes;
  must(raw_call(__NR_brk, heap));
  bool grown = false;
  measure("brk_call", calls, [&] {
    grown = !grown;
    if (raw_call(__NR_brk, heap + (grown ? page_bytes : 0)) < heap) give_up_because("no-heap");
  });
}

// A touched page goes to and fro.
void row_remap_calls() {
  const long places[] = {as_long(map_pages(page_bytes)), as_long(map_pages(3 * page_bytes))};
  const long there = places[1] + page_bytes;
  must(raw_call(__NR_munmap, there, page_bytes));
  *reinterpret_cast<volatile char*>(places[0]) = 1;
  bool is_there = false;
  measure("mremap_move", calls, [&] {
    const long from = is_there ? there : places[0];
    const long to = is_there ? places[0] : there;
    must(raw_call(__NR_mremap, from, page_bytes, page_bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to));
    is_there = !is_there;
  });
}

}  // namespace bench
