// SPDX-License-Identifier: MIT
//
// Bringing in many pages at once: MAP_POPULATE, MADV_POPULATE_READ and _WRITE, mlock: what is there
// afterwards, that nothing which was there is lost, who shares it after a fork, and the errors.
#include "check.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
enum { page = 4096, many = 1500 };  // more than a page table has entries for

static char* map(size_t pages, int rights, int flags, int file) {
  return mmap(NULL, pages * page, rights, flags | (file < 0 ? MAP_ANONYMOUS : 0), file, 0);
}
static const int read_write = PROT_READ | PROT_WRITE;

static int resident(char* memory, size_t pages) {
  static unsigned char in[many];
  must(mincore(memory, pages * page, in));
  int count = 0;
  for (size_t i = 0; i < pages; ++i) count += in[i] & 1;
  return count;
}
// Pages of the mapping at `memory` that are its process's own.
static long anonymous(const char* memory) {
  static char text[65536];
  char name[32];
  must(slurp("/proc/self/smaps", text, sizeof text));
  snprintf(name, sizeof name, "\n%lx-", (unsigned long)memory);
  const char* at = strstr(text, name);
  return at == NULL ? -1 : strtol(strstr(at, "Anonymous:") + 10, NULL, 10) / 4;
}
static int all_zero(const char* memory, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) {
    if (memory[i] != 0) return 0;
  }
  return 1;
}

static void by_mmap(void) {
  char* memory = map(many, read_write, MAP_PRIVATE | MAP_POPULATE, -1);
  equal("MAP_POPULATE", resident(memory, many), many);
  equal("pages of its own", anonymous(memory), many);
  equal("zeros", all_zero(memory, many * page), 1);
  must(munmap(memory, many * page));
  memory = map(many, PROT_READ, MAP_PRIVATE | MAP_POPULATE, -1);
  equal("to read", resident(memory, many), many);
  equal("needs none of its own", anonymous(memory), 0);
  must(mprotect(memory, many * page, read_write));
  memory[5 * page] = 1;
  equal("until it writes", anonymous(memory), 1);
  must(munmap(memory, many * page));
  memory = map(many, read_write, MAP_SHARED | MAP_POPULATE, -1);
  equal("shared", resident(memory, many), many);
  pid_t child = must(fork());
  if (child == 0) {
    for (size_t i = 0; i < many; ++i) memory[i * page] = (char)i;
    _exit(0);
  }
  exits("a child writes", child, 0);
  int right = 1;
  for (size_t i = 0; i < many; ++i) right &= memory[i * page] == (char)i;
  equal("and is seen", right, 1);
  must(munmap(memory, many * page));
  memory = map(4, PROT_NONE, MAP_PRIVATE | MAP_POPULATE, -1);
  equal("without rights", resident(memory, 4), 0);
}

static void by_advice(void) {
  char* memory = map(many, read_write, MAP_PRIVATE, -1);
  for (size_t i = 0; i < many; i += 7) memory[i * page] = (char)(i + 1);
  equal("read", madvise(memory, many * page, MADV_POPULATE_READ), 0);
  equal("all there", resident(memory, many), many);
  equal("its own only where it wrote", anonymous(memory), (many + 6) / 7);
  pid_t child = must(fork());
  if (child == 0) {
    equal("write", madvise(memory, many * page, MADV_POPULATE_WRITE), 0);
    equal("all its own", anonymous(memory), many);
    int right = 1;
    for (size_t i = 0; i < many; ++i) {
      right &= memory[i * page] == (i % 7 == 0 ? (char)(i + 1) : 0);
      memory[i * page] = 9;
    }
    equal("as they were", right, 1);
    _exit(check_failures);
  }
  exits("child", child, 0);
  int right = 1;
  for (size_t i = 0; i < many; ++i) right &= memory[i * page] == (i % 7 == 0 ? (char)(i + 1) : 0);
  equal("the parent's stay", right, 1);
  must(mprotect(memory + 9 * page, page, PROT_READ));
  fails("write without the right", madvise(memory, 20 * page, MADV_POPULATE_WRITE), EINVAL);
  equal("read with it", madvise(memory, 20 * page, MADV_POPULATE_READ), 0);
  must(mprotect(memory + 9 * page, page, PROT_NONE));
  fails("read without", madvise(memory, 20 * page, MADV_POPULATE_READ), EINVAL);
  must(munmap(memory + 9 * page, page));
  fails("a hole", madvise(memory, 20 * page, MADV_POPULATE_READ), ENOMEM);
  must(munmap(memory, many * page));
}

static void of_files(void) {
  int file = must(memfd_create("file", 0));
  must(ftruncate(file, 3 * page));
  must(pwrite(file, "one", 3, page));
  char* copy = map(3, read_write, MAP_PRIVATE | MAP_POPULATE, file);
  equal("private file", anonymous(copy), 3);
  must(pwrite(file, "two", 3, page));
  equal("copied at once", memcmp(copy + page, "one", 3), 0);
  char* view = map(5, read_write, MAP_SHARED | MAP_POPULATE, file);
  equal("up to its end", resident(view, 5), 3);
  memcpy(view + page, "three", 5);
  char text[5];
  must(pread(file, text, 5, page));
  equal("shows the file", memcmp(text, "three", 5), 0);
  fails("beyond the end", madvise(view, 5 * page, MADV_POPULATE_WRITE), EFAULT);
  fails("mlock too", mlock(view, 5 * page), ENOMEM);
  equal("within", mlock(view, 3 * page), 0);
}

int main(void) {
  by_mmap();
  by_advice();
  of_files();
  return finish();
}
