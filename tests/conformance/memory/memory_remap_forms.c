// SPDX-License-Identifier: MIT
//
// The rarer forms of mremap(2), an old length of 0 and MREMAP_DONTUNMAP, and MADV_REMOVE.
#include "check.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif
enum { page = 4096 };

static char* map(int pages, int flags) {
  return mmap(NULL, (size_t)pages * page, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
}
static long remap(void* from, size_t old_length, size_t new_length, int flags, void* to) {
  return syscall(SYS_mremap, from, old_length, new_length, flags, to);
}

static void second_view(void) {
  char* memory = map(4, MAP_SHARED);
  memory[page] = 'a';
  char* view = (char*)must(remap(memory + page, 0, 2 * page, MREMAP_MAYMOVE, 0));
  equal("the same page", view[0], 'a');
  view[page] = 'b';
  equal("both ways", memory[2 * page], 'b');
  fails("not in place", remap(memory, 0, page, 0, 0), ENOMEM);
  char* hole = map(2, MAP_PRIVATE);
  equal("at a fixed place", remap(memory, 0, 2 * page, MREMAP_MAYMOVE | MREMAP_FIXED, hole) ==
                                (long)hole, 1);
  equal("shows it", hole[page], 'a');
  must(munmap(memory, 4 * page));
  equal("outlives the first", view[0] == 'a' && hole[page] == 'a', 1);
  char* private = map(1, MAP_PRIVATE);
  fails("private memory", remap(private, 0, page, MREMAP_MAYMOVE, 0), EINVAL);
}

static void keep_the_source(void) {
  char* memory = map(3, MAP_PRIVATE);
  memory[0] = '0';
  memory[page] = '1';
  char* moved = (char*)must(remap(memory, 2 * page, 2 * page, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0));
  equal("pages have moved", moved[0] == '0' && moved[page] == '1', 1);
  equal("source is mapped and empty", memory[0] == 0 && memory[page] == 0, 1);
  memory[page] = 'n';
  equal("and its own", moved[page], '1');
  char* target = map(1, MAP_PRIVATE);
  target[0] = 't';
  equal("at a fixed place", remap(moved, page, page,
                                  MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, target) ==
                                (long)target, 1);
  equal("moved there", target[0] == '0' && moved[0] == 0, 1);
  fails("lengths differ", remap(memory, page, 2 * page, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0),
        EINVAL);
  fails("without MAYMOVE", remap(memory, page, page, MREMAP_DONTUNMAP, 0), EINVAL);
  pid_t child = must(fork());
  if (child == 0) {
    char* again = (char*)must(remap(memory, page, page, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0));
    again[0] = 'c';
    _exit(memory[0] == 0 ? 0 : 1);
  }
  exits("child moved its own", child, 0);
  equal("ours is there", memory[0], 0);
}

static void remove_pages(void) {
  int file = must(memfd_create("file", 0));
  must(ftruncate(file, 4 * page));
  char* shared = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  memset(shared, 'x', 4 * page);
  struct stat before, after;
  must(fstat(file, &before));
  equal("removed", madvise(shared + page, 2 * page, MADV_REMOVE), 0);
  must(fstat(file, &after));
  equal("blocks are free", before.st_blocks - after.st_blocks, 2 * page / 512);
  equal("zeros", shared[page] == 0 && shared[3 * page - 1] == 0, 1);
  equal("around it nothing", shared[page - 1] == 'x' && shared[3 * page] == 'x', 1);
  char byte = 1;
  equal("also by read", pread(file, &byte, 1, page) == 1 && byte == 0, 1);
  fails("private anonymous", madvise(map(1, MAP_PRIVATE), page, MADV_REMOVE), EINVAL);
  char* private = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
  fails("private", madvise(private, page, MADV_REMOVE), EACCES);
}

int main(void) {
  second_view();
  keep_the_source();
  remove_pages();
  return finish();
}
