// SPDX-License-Identifier: MIT
//
// fallocate(2) on tmpfs: with the size kept, behind the end, holes, what a truncation and a growth
// make of it; st_blocks after each; the modes that tmpfs refuses; private copies that a hole
// leaves.
#include <sys/resource.h>

#include "check.h"

enum {
  page = 4096,
  keep = 1,
  hole = 3,  // FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
};

static int file;
static void state(const char* label, long size, long pages) {
  struct stat stat;
  char text[80];
  must(fstat(file, &stat));
  snprintf(text, sizeof text, "%s: size", label);
  equal(text, stat.st_size, size);
  snprintf(text, sizeof text, "%s: pages", label);
  equal(text, stat.st_blocks * 512 / page, pages);
}
static void allocate(const char* label, int mode, long offset, long length, long size, long pages) {
  equal(label, fallocate(file, mode, offset, length), 0);
  state(label, size, pages);
}
static void truncate_to(const char* label, long size, long pages) {
  equal(label, ftruncate(file, size), 0);
  state(label, size, pages);
}

static void behind_the_end(void) {
  file = must(memfd_create("file", 0));
  allocate("size kept", keep, 0, 3 * page, 0, 3);
  allocate("a page and a byte", keep, 10 * page, page + 1, 0, 5);
  truncate_to("the same size", 0, 0);
  allocate("again", keep, 10 * page, page, 0, 1);
  truncate_to("longer", 5 * page, 1);
  truncate_to("as long", 5 * page, 0);
  allocate("once more", keep, 10 * page, page, 5 * page, 1);
  truncate_to("shorter", 4 * page, 0);
  allocate("and again", keep, 10 * page, page, 4 * page, 1);
  truncate_to("past it", 12 * page, 1);
  char byte = 1;
  equal("zeros", pread(file, &byte, 1, 10 * page) == 1 && byte == 0, 1);
  must(pwrite(file, "a", 1, 10 * page));
  state("written", 12 * page, 1);
  allocate("without it", 0, 20 * page, page, 21 * page, 2);
  allocate("all", 0, 0, 21 * page, 21 * page, 21);
  must(pread(file, &byte, 1, 10 * page));
  equal("contents stay", byte, 'a');
  truncate_to("none", 0, 0);
  allocate("a part of a page", 0, 100, 50, 150, 1);
  char* memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  allocate("behind a mapping's end", keep, page, page, 150, 2);
  pid_t child = must(fork());
  if (child == 0) _exit(((volatile char*)memory)[page]);
  killed_by("is not to be touched", child, SIGBUS);
  truncate_to("until the end moves", 2 * page, 2);
  equal("then it is", memory[page], 0);
  must(munmap(memory, 2 * page));
}

static void holes(void) {
  file = must(memfd_create("file", 0));
  must(pwrite(file, "hello", 5, 0));
  allocate("a hole to the end", hole, 0, 5, 5, 1);
  char text[6] = "";
  must(pread(file, text, 5, 0));
  equal("is zeros", memcmp(text, "\0\0\0\0", 5), 0);
  allocate("of the whole page", hole, 0, page, 5, 0);
  must(pwrite(file, "hello", 5, 0));
  allocate("of a page less a byte", hole, 0, page - 1, 5, 1);
  allocate("behind the end", keep, 20 * page, 4 * page, 5, 5);
  allocate("a hole there", hole, 21 * page, 2 * page, 5, 3);
  allocate("far", hole, 21 * page + 5, 1l << 40, 5, 2);
  allocate("the rest", hole, 0, 1l << 40, 5, 0);
}

static void copies(void) {
  file = must(memfd_create("file", 0));
  must(ftruncate(file, 600 * page));
  char* shared = mmap(NULL, 600 * page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  char* private = mmap(NULL, 600 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
  for (int i = 0; i < 4; ++i) shared[i * page] = (char)(i + 1);
  private[0] = 'p';
  equal("a view", private[page], 2);
  pid_t child = must(fork());
  if (child == 0) {
    private[2 * page] = 'c';
    equal("child: hole", fallocate(file, hole, 0, 3 * page), 0);
    equal("child: copies stay", private[0] == 'p' && private[2 * page] == 'c', 1);
    equal("child: the view is empty", private[page], 0);
    _exit(check_failures);
  }
  exits("child", child, 0);
  equal("its copy stays", private[0], 'p');
  equal("the views are empty", shared[0] | private[page] | private[2 * page], 0);
  equal("what is not in it", shared[3 * page] + private[3 * page], 8);
  state("by the mappings", 600 * page, 4);
  must(ftruncate(file, 0));
  child = must(fork());
  if (child == 0) _exit(((volatile char*)private)[0]);
  killed_by("a truncation takes copies too", child, SIGBUS);
}

static void errors(void) {
  file = must(memfd_create("file", 0));
  must(ftruncate(file, page));
  for (int mode = 2; mode < 128; ++mode) {
    if (mode == hole) continue;
    char label[40];
    snprintf(label, sizeof label, "mode %d", mode);
    fails(label, fallocate(file, mode, 0, page), EOPNOTSUPP);
  }
  fails("no length", fallocate(file, keep, 0, 0), EINVAL);
  fails("before the beginning", fallocate(file, keep, -5, 10), EINVAL);
  fails("no such file size", fallocate(file, keep, INT64_MAX, 1), EFBIG);
  char path[40];
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  fails("to read", fallocate(must(open(path, O_RDONLY)), keep, 0, page), EBADF);
  int ends[2];
  must(pipe(ends));
  fails("a pipe", fallocate(ends[1], 0, 0, page), ESPIPE);
  signal(SIGXFSZ, SIG_IGN);
  struct rlimit limit = {2 * page, 2 * page};
  must(setrlimit(RLIMIT_FSIZE, &limit));
  fails("above the limit", fallocate(file, 0, 2 * page, page), EFBIG);
  fails("with the size kept", fallocate(file, keep, 2 * page, page), EFBIG);
  equal("a hole", fallocate(file, hole, 2 * page, page), 0);
  allocate("below", keep, page, page, page, 1);
}

int main(void) {
  behind_the_end();
  holes();
  copies();
  errors();
  return finish();
}
