// SPDX-License-Identifier: MIT
//
// memfd_create(2) with MFD_HUGETLB where the pool of huge pages is empty, as it is unless somebody
// fills it: the file and what can be done with it that takes no page, and what is refused. What
// takes pages is in tests/machine/huge_files.c.
#include <sys/vfs.h>

#include "check.h"

enum { page = 4096, huge = 2 << 20, hole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE };
static const int read_write = PROT_READ | PROT_WRITE;

static int make(unsigned flags) { return must(memfd_create("huge", MFD_HUGETLB | flags)); }
static long size_of(int file) {
  struct stat stat;
  must(fstat(file, &stat));
  return stat.st_size;
}
static long seals(int file) { return fcntl(file, F_GET_SEALS); }
static char* map(int file, size_t length, int rights, int flags, long offset) {
  return mmap(NULL, length, rights, flags | MAP_NORESERVE, file, offset);
}

static void creation(void) {
  ok("of 2 MiB", memfd_create("x", MFD_HUGETLB | 21u << 26) >= 0);
  fails("of 64 KiB", memfd_create("x", MFD_HUGETLB | 16u << 26), ENODEV);
  fails("a size without MFD_HUGETLB", memfd_create("x", 21u << 26), EINVAL);
  fails("unknown flag", memfd_create("x", MFD_HUGETLB | 0x40), EINVAL);
  int file = make(0);
  equal("not sealable", seals(file), F_SEAL_SEAL);
  equal("sealable", seals(make(MFD_ALLOW_SEALING)), 0);
  struct stat stat;
  must(fstat(file, &stat));
  equal("mode", stat.st_mode, S_IFREG | 0777);
  equal("links", stat.st_nlink, 0);
  equal("size", stat.st_size, 0);
  equal("blocks", stat.st_blocks, 0);
  equal("their size", stat.st_blksize, huge);
  struct statfs system;
  must(fstatfs(file, &system));
  equal("file system", system.f_type, 0x958458f6);
  equal("its blocks", system.f_bsize, huge);
  char path[40], target[64] = "";
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  must(readlink(path, target, sizeof target - 1));
  equal("name", strcmp(target, "/memfd:huge (deleted)"), 0);
}

static void sizes(void) {
  int file = make(0);
  fails("a byte", ftruncate(file, 1), EINVAL);
  fails("a small page", ftruncate(file, page), EINVAL);
  equal("three", ftruncate(file, 3l * huge), 0);
  char bytes[100];
  memset(bytes, 1, sizeof bytes);
  equal("read", pread(file, bytes, sizeof bytes, huge - 50), 100);
  equal("zeros", bytes[0] | bytes[99], 0);
  equal("at the end", pread(file, bytes, sizeof bytes, 3l * huge - 50), 50);
  equal("behind it", pread(file, bytes, sizeof bytes, 3l * huge), 0);
  fails("write", pwrite(file, bytes, 1, 0), EINVAL);
  equal("SEEK_DATA", lseek(file, huge + 1, SEEK_DATA), huge + 1);
  equal("SEEK_HOLE", lseek(file, huge + 1, SEEK_HOLE), 3l * huge);
  fails("SEEK_DATA behind it", lseek(file, 3l * huge, SEEK_DATA), ENXIO);
  equal("SEEK_END", lseek(file, 0, SEEK_END), 3l * huge);
  equal("far", ftruncate(file, 1l << 62), 0);
  equal("is so long", size_of(file), 1l << 62);
  equal("none", ftruncate(file, 0), 0);
  equal("fsync", fsync(file), 0);
}

static void allocation(void) {
  int file = make(0);
  must(ftruncate(file, 2l * huge));
  fails("nothing there", fallocate(file, 0, 0, huge), ENOSPC);
  fails("size kept", fallocate(file, FALLOC_FL_KEEP_SIZE, 4l * huge, huge), ENOSPC);
  equal("size", size_of(file), 2l * huge);
  equal("a hole", fallocate(file, hole, 0, huge), 0);
  equal("a small one", fallocate(file, hole, 100, 200), 0);
  fails("without KEEP_SIZE", fallocate(file, FALLOC_FL_PUNCH_HOLE, 0, huge), EOPNOTSUPP);
  fails("ZERO_RANGE", fallocate(file, 0x10, 0, huge), EOPNOTSUPP);
  fails("COLLAPSE_RANGE", fallocate(file, 8, 0, huge), EOPNOTSUPP);
  fails("no length", fallocate(file, 0, 0, 0), EINVAL);
}

static void mappings(void) {
  int file = make(0);
  must(ftruncate(file, 2l * huge));
  fails("nothing to promise", (long)mmap(NULL, huge, read_write, MAP_SHARED, file, 0), ENOMEM);
  fails("for a copy", (long)mmap(NULL, huge, read_write, MAP_PRIVATE, file, 0), ENOMEM);
  fails("to read", (long)mmap(NULL, huge, PROT_READ, MAP_SHARED, file, 0), ENOMEM);
  fails("from within a page", (long)map(file, page, read_write, MAP_SHARED, page), EINVAL);
  char* memory = map(file, page, read_write, MAP_SHARED, huge);
  equal("at a border", (uintptr_t)memory % huge, 0);
  fails("munmap of a part", munmap(memory, page), EINVAL);
  equal("a part is the whole", munmap(memory, huge), 0);
  equal("size as it was", size_of(file), 2l * huge);
  ok("read behind the end", map(file, 2l * huge, PROT_READ, MAP_SHARED, huge) != MAP_FAILED);
  equal("it stays", size_of(file), 2l * huge);
  ok("write behind the end", map(file, 2l * huge, read_write, MAP_PRIVATE, huge) != MAP_FAILED);
  equal("it moves", size_of(file), 3l * huge);
  ok("MAP_HUGETLB", map(file, huge, read_write, MAP_SHARED | MAP_HUGETLB, 0) != MAP_FAILED);
  ok("its size is the file's",
     map(file, huge, read_write, MAP_SHARED | MAP_HUGETLB | 16 << 26, 0) != MAP_FAILED);
  memory = map(file, 2l * huge, read_write, MAP_SHARED, 0);
  unsigned char resident[512] = {1};
  equal("mincore", mincore(memory, huge, resident), 0);
  equal("not there", resident[0], 0);
  equal("msync", msync(memory, huge, MS_SYNC), 0);
  equal("MADV_REMOVE", madvise(memory, huge, MADV_REMOVE), 0);
  equal("MADV_DONTNEED", madvise(memory, huge, MADV_DONTNEED), 0);
  pid_t child = must(fork());
  if (child == 0) {
    memory[0] = 1;
    _exit(0);
  }
  killed_by("a touch", child, SIGBUS);
  char* copy = map(file, huge, read_write, MAP_PRIVATE, 0);
  child = must(fork());
  if (child == 0) _exit(((volatile char*)copy)[0]);
  killed_by("a private one", child, SIGBUS);
  must(ftruncate(file, 0));
  child = must(fork());
  if (child == 0) _exit(((volatile char*)memory)[0]);
  killed_by("behind the end", child, SIGBUS);
  fails("pages of another offset", remap_file_pages(memory, huge, 0, 1, 0), EINVAL);
}

static void sealed(void) {
  int file = make(MFD_ALLOW_SEALING);
  must(ftruncate(file, 2l * huge));
  char* memory = map(file, huge, read_write, MAP_SHARED, 0);
  fails("write: is mapped", fcntl(file, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
  equal("grow and shrink", fcntl(file, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK), 0);
  fails("grow", ftruncate(file, 4l * huge), EPERM);
  fails("shrink", ftruncate(file, huge), EPERM);
  equal("stay", ftruncate(file, 2l * huge), 0);
  fails("grow: allocate", fallocate(file, 0, 2l * huge, huge), EPERM);
  fails("grow: size kept", fallocate(file, FALLOC_FL_KEEP_SIZE, 2l * huge, huge), EPERM);
  equal("future", fcntl(file, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
  fails("future: hole", fallocate(file, hole, 0, huge), EPERM);
  fails("future: MADV_REMOVE", madvise(memory, huge, MADV_REMOVE), EPERM);
  fails("future: map", (long)map(file, huge, read_write, MAP_SHARED, 0), EPERM);
  char* view = map(file, huge, PROT_READ, MAP_SHARED, 0);
  ok("future: map to read", view != MAP_FAILED);
  fails("future: mprotect", mprotect(view, huge, read_write), EACCES);
  must(munmap(memory, huge));
  must(munmap(view, huge));
  equal("write", fcntl(file, F_ADD_SEALS, F_SEAL_WRITE), 0);
  fails("write: map", (long)map(file, huge, read_write, MAP_SHARED, 0), EPERM);
  char path[40];
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  fails("O_TRUNC", open(path, O_RDWR | O_TRUNC), EPERM);
}

int main(void) {
  creation();
  sizes();
  allocation();
  mappings();
  sealed();
  return finish();
}
