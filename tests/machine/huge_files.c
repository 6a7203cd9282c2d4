// SPDX-License-Identifier: MIT
//
// memfd_create(2) with MFD_HUGETLB from a pool of eight: what mappings are promised, what is shared
// with the file and what is a mapping's own, fallocate and truncation, reading, and what is left of
// the pool in the end.
#include "check.h"

enum { page = 4096, huge = 2 << 20, hole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE };
static const int read_write = PROT_READ | PROT_WRITE;

static long meminfo(const char* name) {
  static char text[65536];
  must(slurp("/proc/meminfo", text, sizeof text));
  return strtol(strstr(text, name) + strlen(name) + 1, NULL, 10);
}
static void counts(const char* when, long available, long promised) {
  char label[80];
  snprintf(label, sizeof label, "%s: free", when);
  equal(label, meminfo("HugePages_Free"), available);
  snprintf(label, sizeof label, "%s: promised", when);
  equal(label, meminfo("HugePages_Rsvd"), promised);
}
static void resize(const char* pages) {
  int file = must(open("/proc/sys/vm/nr_hugepages", O_WRONLY));
  must(write(file, pages, strlen(pages)));
  must(close(file));
}
static int make(int pages) {
  int file = must(memfd_create("huge", MFD_HUGETLB | MFD_ALLOW_SEALING));
  must(ftruncate(file, (long)pages * huge));
  return file;
}
static char* map(int file, int pages, int flags, int from) {
  return mmap(NULL, (size_t)pages * huge, read_write, flags, file, (long)from * huge);
}
static void unmap(char* memory, int pages) { must(munmap(memory, (size_t)pages * huge)); }
static long blocks(int file) {
  struct stat stat;
  must(fstat(file, &stat));
  return stat.st_blocks * 512 / huge;
}
static int byte_at(int file, long offset) {
  unsigned char byte = 0xff;
  must(pread(file, &byte, 1, offset));
  return byte;
}

static void promises(void) {
  int file = make(6);
  counts("a size", 8, 0);
  char* memory = map(file, 3, MAP_SHARED, 0);
  counts("mapped", 8, 3);
  char* more = map(file, 3, MAP_SHARED, 2);
  counts("two more", 8, 5);
  fails("more than is left", (long)map(make(4), 4, MAP_SHARED, 0), ENOMEM);
  counts("nothing of it", 8, 5);
  memory[2 * huge] = 5;
  equal("the same page", more[0], 5);
  counts("touched", 7, 4);
  equal("blocks", blocks(file), 1);
  equal("read", byte_at(file, 2 * huge), 5);
  equal("a hole", byte_at(file, 0), 0);
  equal("which stays one", blocks(file), 1);
  unmap(memory, 3);
  unmap(more, 3);
  counts("promised to the file", 7, 4);
  must(ftruncate(file, 3l * huge));
  counts("shorter", 7, 2);
  must(ftruncate(file, 2l * huge));
  counts("its page too", 8, 2);
  must(close(file));
  counts("closed", 8, 0);
}

static void private_copies(void) {
  int file = make(3);
  char* shared = map(file, 3, MAP_SHARED, 0);
  shared[0] = 1, shared[huge] = 2;
  counts("the file's", 6, 1);
  char* own = map(file, 3, MAP_PRIVATE, 0);
  counts("promised to a copy", 6, 4);
  equal("shows the file's", own[0], 1);
  counts("and takes none", 6, 4);
  own[0] = 7;
  counts("until it writes", 5, 3);
  equal("the file's stays", shared[0], 1);
  own[2 * huge] = 9;
  counts("its own", 4, 2);
  equal("never in the file", byte_at(file, 2 * huge), 0);
  shared[huge] = 3;
  equal("still shows the file's", own[huge], 3);
  pid_t child = must(fork());
  if (child == 0) {
    equal("a child sees it", own[0] + own[huge] + shared[huge], 7 + 3 + 3);
    own[huge] = 4;
    shared[0] = 8;
    _exit(check_failures);
  }
  exits("child", child, 0);
  equal("its copy is gone", own[huge], 3);
  equal("what it shared is not", shared[0], 8);
  counts("after it", 4, 2);
  unmap(own, 3);
  counts("given back", 6, 1);
  unmap(shared, 3);
  must(close(file));
  counts("closed", 8, 0);
}

static void truncation(void) {
  int file = make(3);
  char* shared = map(file, 3, MAP_SHARED, 0);
  char* own = map(file, 3, MAP_PRIVATE | MAP_NORESERVE, 0);
  for (int i = 0; i < 3; ++i) shared[i * huge] = (char)(i + 1);
  own[huge] = 9;
  must(ftruncate(file, huge));
  equal("what is left", shared[0] + own[0], 2);
  for (int i = 0; i < 2; ++i) {
    pid_t child = must(fork());
    if (child == 0) _exit(((volatile char*)(i == 0 ? shared : own))[huge]);
    killed_by(i == 0 ? "behind the end" : "the copy too", child, SIGBUS);
  }
  must(ftruncate(file, 3l * huge));
  equal("zeros", shared[huge] | shared[2 * huge] | own[huge], 0);
  equal("a hole", fallocate(file, hole, 0, huge), 0);
  equal("reads as zeros", shared[0], 0);
  memset(shared, 1, 300);
  equal("a part", fallocate(file, hole, 100, 100), 0);
  equal("becomes zeros", shared[99] == 1 && shared[100] == 0 && shared[199] == 0, 1);
  equal("and no more", shared[200], 1);
  unmap(shared, 3);
  unmap(own, 3);
  must(close(file));
  counts("closed", 8, 0);
}

static void allocation(void) {
  int file = make(1);
  equal("two more", fallocate(file, 0, huge, 2l * huge), 0);
  struct stat stat;
  must(fstat(file, &stat));
  equal("longer", stat.st_size, 3l * huge);
  equal("two pages", blocks(file), 2);
  counts("allocated", 6, 0);
  char* memory = map(file, 3, MAP_SHARED, 0);
  counts("one to promise", 6, 1);
  memory[0] = 1;
  equal("size kept", fallocate(file, FALLOC_FL_KEEP_SIZE, 3l * huge, huge), 0);
  counts("behind the end", 4, 0);
  must(fstat(file, &stat));
  equal("as long as before", stat.st_size, 3l * huge);
  fails("more than there are", fallocate(file, 0, 0, 20l * huge), ENOSPC);
  must(fstat(file, &stat));
  equal("no longer", stat.st_size, 3l * huge);
  must(ftruncate(file, 3l * huge));
  counts("what was behind the end goes", 5, 0);
  must(close(file));
  equal("a mapping keeps them", memory[0], 1);
  counts("still", 5, 0);
  unmap(memory, 3);
  counts("gone", 8, 0);
}

static void by_the_kernel(void) {
  int file = make(2);
  char* memory = map(file, 2, MAP_SHARED, 0);
  int pipes[2];
  must(pipe(pipes));
  must(write(pipes[1], "abcd", 4));
  equal("written to by read(2)", read(pipes[0], memory + huge - 2, 4), 4);
  char* copy = map(file, 2, MAP_SHARED, 0);
  equal("read into itself", pread(file, copy, 4, huge - 2), 4);
  equal("across the border", memcmp(memory, "abcd", 4), 0);
  unsigned char resident[1024];
  equal("mincore", mincore(memory, 2l * huge, resident), 0);
  equal("both", resident[0] & resident[1023], 1);
  int reader = memfd_create("x", 0);
  must(write(reader, "xyz", 3));
  equal("pread into it", pread(reader, memory, 3, 0), 3);
  equal("is the file's", byte_at(file, 2), 'z');
  unmap(memory, 2);
  unmap(copy, 2);
  must(close(file));
  counts("closed", 8, 0);
}

int main(void) {
  resize("8");
  counts("at first", 8, 0);
  promises();
  private_copies();
  truncation();
  allocation();
  by_the_kernel();
  resize("0");
  counts("in the end", 0, 0);
  return finish();
}
