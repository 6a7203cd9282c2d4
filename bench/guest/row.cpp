// SPDX-License-Identifier: MIT
//
// The parts of row.h that are not templates. No C library, no allocation: it is linked into the
// no-libc program and into the glibc one alike. Whatever fails here ends the row by give_up, which
// says so on the console; nothing is retried.
#include "row.h"

#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/sysinfo.h>

namespace bench {

const char* running_row;  // all of the program is zero at first: it needs no data segment
uint64_t ticks_per_millisecond = 0;

namespace {

struct Line {
  char text[256];
  size_t used = 0;

  void add(const char* part) {
    for (; *part != '\0' && used < sizeof text - 1; ++part) text[used++] = *part;
  }
  void add_number(uint64_t number) {
    char digits[24];
    print_decimal(digits, number);
    add(digits);
  }
  void write_out() {
    text[used++] = '\n';
    raw_write(1, text, used);
  }
};

}  // namespace

size_t text_length(const char* text) {
  size_t length = 0;
  while (text[length] != '\0') ++length;
  return length;
}

bool text_equals(const char* left, const char* right) {
  while (*left != '\0' && *left == *right) ++left, ++right;
  return *left == *right;
}

uint64_t parse_number(const char* text) {
  uint64_t number = 0;
  for (; *text >= '0' && *text <= '9'; ++text) {
    number = number * 10 + static_cast<uint64_t>(*text - '0');
  }
  return number;
}

void print_decimal(char (&text)[24], uint64_t number) {
  size_t first = sizeof text - 1;
  text[first] = '\0';
  do {
    text[--first] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  for (size_t i = 0; first + i < sizeof text; ++i) text[i] = text[first + i];
}

void print_line(const char* first, const char* second, const char* third, const char* fourth) {
  Line line;
  line.add(first);
  for (const char* part : {second, third, fourth}) {
    if (*part == '\0') break;
    line.add(" ");
    line.add(part);
  }
  line.write_out();
}

void report_value(const char* figure, uint64_t value_times_ten, const char* unit) {
  Line line;
  line.add("bench ");
  line.add(figure);
  line.add(" ");
  line.add_number(value_times_ten / 10);
  line.add(".");
  line.add_number(value_times_ten % 10);
  line.add(" ");
  line.add(unit);
  line.write_out();
}

void report_ticks(const char* figure, uint64_t ticks, uint64_t operations) {
  if (ticks_per_millisecond == 0) {
    report_value(figure, ticks * 10 / operations, "instructions");
    return;
  }
  // Through 128 bits: ten seconds of ticks times 10^7 do not fit into 64.
  const auto scaled = static_cast<unsigned __int128>(ticks) * 10'000'000;
  // Done by hand, because the compiler's 128-bit division is a library function.
  const uint64_t divisor = ticks_per_millisecond * operations;
  unsigned __int128 rest = 0;
  uint64_t quotient = 0;
  for (int bit = 127; bit >= 0; --bit) {
    rest = (rest << 1) | ((scaled >> bit) & 1);
    quotient <<= 1;
    if (rest >= divisor) {
      rest -= divisor;
      quotient |= 1;
    }
  }
  report_value(figure, quotient, "ns");
}

void give_up(long error_number) {
  Line line;
  line.add("bench-failed ");
  line.add(running_row);
  line.add(" ");
  line.add_number(static_cast<uint64_t>(error_number));
  line.write_out();
  raw_exit(1);
}

void give_up_because(const char* reason) {
  print_line("bench-failed", running_row, reason);
  raw_exit(1);
}

void reap(long pid) {
  must(pid);
  int status = 0;
  must(raw_wait(pid, &status));
  if (status != 0) give_up_because("child-failed");
}

void* map_pages(size_t bytes) {
  const long address = must(raw_call(__NR_mmap, 0, static_cast<long>(bytes), PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  // Fails on a kernel without huge pages, which then needs no telling.
  raw_call(__NR_madvise, address, static_cast<long>(bytes), MADV_NOHUGEPAGE);
  return reinterpret_cast<void*>(address);
}

HugeRegion map_huge_pages(size_t bytes) {
  constexpr size_t huge_page_bytes = 2 * mib_bytes;
  HugeRegion region;
  region.mapped_bytes = bytes + huge_page_bytes;
  region.mapped = map_pages(region.mapped_bytes);
  const size_t misfit = reinterpret_cast<uintptr_t>(region.mapped) % huge_page_bytes;
  region.start = static_cast<char*>(region.mapped) + (huge_page_bytes - misfit) % huge_page_bytes;
  must(raw_call(__NR_madvise, as_long(region.start), static_cast<long>(bytes), MADV_HUGEPAGE));
  return region;
}

void unmap_pages(void* pages, size_t bytes) {
  must(raw_call(__NR_munmap, as_long(pages), static_cast<long>(bytes)));
}

void make_pipe(int ends[2]) { must(raw_call(__NR_pipe2, as_long(ends), 0)); }

uint64_t free_memory_bytes() {
  struct sysinfo information = {};
  must(raw_call(__NR_sysinfo, as_long(&information)));
  return static_cast<uint64_t>(information.freeram) * information.mem_unit;
}

long number_in_file(const char* path, const char* key) {
  static char text[8192];
  const long fd = raw_open(path, O_RDONLY);
  if (is_error(fd)) return -1;
  const long size = raw_read(static_cast<int>(fd), text, sizeof text - 1);
  raw_close(static_cast<int>(fd));
  if (is_error(size)) return -1;
  text[size] = '\0';
  const size_t key_length = text_length(key);
  for (const char* at = text; *at != '\0'; ++at) {
    size_t same = 0;
    while (same < key_length && at[same] == key[same]) ++same;
    if (same != key_length) continue;
    for (at += key_length; *at == ' ';) ++at;
    return static_cast<long>(parse_number(at));
  }
  return -1;
}

uint64_t median(uint64_t (&values)[batches]) {
  for (size_t i = 1; i < batches; ++i) {
    const uint64_t value = values[i];
    size_t place = i;
    for (; place > 0 && values[place - 1] > value; --place) values[place] = values[place - 1];
    values[place] = value;
  }
  return values[batches / 2];
}

long fork_and_exit() {
  const long pid = raw_fork();
  if (pid == 0) raw_exit(0);
  return pid;
}

}  // namespace bench
