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

// Reports two acts that undo each other, each by itself.
template <typename First, typename Second>
void measure_in_turn(const char* first_row, First first, const char* second_row, Second second) {
  uint64_t first_taken[batches];
  uint64_t second_taken[batches];
  for (size_t batch = 0; batch < batches; ++batch) {
    first_taken[batch] = second_taken[batch] = 0;
    for (uint64_t i = 0; i < calls; ++i) {
      const uint64_t start = read_ticks();
      first();
      const uint64_t middle = read_ticks();
      second();
      second_taken[batch] += read_ticks() - middle;
      first_taken[batch] += middle - start;
    }
  }
  report_ticks(first_row, median(first_taken), calls);
  report_ticks(second_row, median(second_taken), calls);
}

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
  long page;
  const auto map = [&page] {
    page = must(raw_call(__NR_mmap, 0, page_bytes, readable, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  };
  const auto unmap = [&page] { must(raw_call(__NR_munmap, page, page_bytes)); };
  measure_in_turn("mmap_call", map, "munmap_call", unmap);
}

// The middle of three touched pages: the mapping is cut in three and joined again.
void row_protect_calls() {
  const auto pages = static_cast<volatile char*>(map_pages(3 * page_bytes));
  for (size_t i = 0; i < 3; ++i) pages[i * page_bytes] = 1;
  const auto protect_middle = [pages](long rights) {
    must(raw_call(__NR_mprotect, as_long(pages) + page_bytes, page_bytes, rights));
  };
  measure_in_turn(
      "mprotect_cut", [&] { protect_middle(readable); }, "mprotect_join",
      [&] { protect_middle(writable); });
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
