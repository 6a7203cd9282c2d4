// SPDX-License-Identifier: MIT
//
// memfd_create(2) with each seal, against all that could change the file: write, truncate,
// fallocate, mmap, mprotect, MADV_REMOVE, chmod; and the errors of F_ADD_SEALS and F_GET_SEALS.
#include "check.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#define MFD_EXEC 16u
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif

enum { page = 4096, pages = 4 };
static const int read_write = PROT_READ | PROT_WRITE;

static int make(unsigned flags) {
  int file = must(memfd_create("sealed", flags));
  must(ftruncate(file, pages * page));
  return file;
}
static int seals(int file) { return fcntl(file, F_GET_SEALS); }
static char* map(int file, int rights, int flags) {
  return mmap(NULL, page, rights, flags, file, 0);
}

static void creation(void) {
  equal("not sealable", seals(make(0)), F_SEAL_SEAL);
  equal("sealable", seals(make(MFD_ALLOW_SEALING)), 0);
  fails("unknown flag", memfd_create("x", 0x40), EINVAL);
  fails("both", memfd_create("x", MFD_EXEC | MFD_NOEXEC_SEAL), EINVAL);
  struct stat stat;
  int file = make(MFD_EXEC);
  must(fstat(file, &stat));
  equal("executable", stat.st_mode & 07777, 0777);
  equal("and not sealable", seals(file), F_SEAL_SEAL);
  file = make(MFD_NOEXEC_SEAL);
  must(fstat(file, &stat));
  equal("not executable", stat.st_mode & 07777, 0666);
  equal("for ever", seals(file), F_SEAL_EXEC);
  char name[251];
  memset(name, 'n', sizeof name);
  name[250] = 0;
  fails("long name", memfd_create(name, 0), EINVAL);
  name[249] = 0;
  ok("the longest", memfd_create(name, 0) >= 0);
  char path[40], target[300] = "";
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  must(readlink(path, target, sizeof target - 1));
  equal("its link", strcmp(target, "/memfd:sealed (deleted)"), 0);
  fails("no name", syscall(SYS_memfd_create, (void*)1, 0), EFAULT);
}

static void errors(void) {
  int ends[2];
  must(pipe(ends));
  fails("pipe", seals(ends[0]), EINVAL);
  fails("add to a pipe", fcntl(ends[1], F_ADD_SEALS, F_SEAL_GROW), EINVAL);
  fails("its reading end", fcntl(ends[0], F_ADD_SEALS, F_SEAL_GROW), EPERM);
  int plain = must(open("plain", O_RDWR | O_CREAT, 0600));
  equal("tmpfs file", seals(plain), F_SEAL_SEAL);
  fails("cannot be sealed", fcntl(plain, F_ADD_SEALS, F_SEAL_GROW), EPERM);
  int file = make(MFD_ALLOW_SEALING);
  fails("unknown seal", fcntl(file, F_ADD_SEALS, 0x40), EINVAL);
  equal("more than 32 bits are cut", syscall(SYS_fcntl, file, F_ADD_SEALS, 1ul << 32), 0);
  char path[40];
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  int reader = must(open(path, O_RDONLY));
  fails("through a reader", fcntl(reader, F_ADD_SEALS, F_SEAL_GROW), EPERM);
  fails("reader, unknown seal", fcntl(reader, F_ADD_SEALS, 0x40), EPERM);
  equal("a reader sees them", seals(reader), 0);
  equal("none is fine", fcntl(file, F_ADD_SEALS, 0), 0);
  equal("seal", fcntl(file, F_ADD_SEALS, F_SEAL_SEAL), 0);
  fails("no more", fcntl(file, F_ADD_SEALS, F_SEAL_GROW), EPERM);
  fails("not even none", fcntl(file, F_ADD_SEALS, 0), EPERM);
  fails("nor the same", fcntl(file, F_ADD_SEALS, F_SEAL_SEAL), EPERM);
  fails("no file", fcntl(-1, F_GET_SEALS), EBADF);
}

static void shrink(void) {
  int file = make(MFD_ALLOW_SEALING);
  must(fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK));
  fails("shrink", ftruncate(file, page), EPERM);
  equal("shrink: same size", ftruncate(file, pages * page), 0);
  equal("shrink: grow", ftruncate(file, (pages + 1) * page), 0);
  equal("shrink: write", pwrite(file, "x", 1, 0), 1);
  equal("shrink: hole", fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, page), 0);
  char path[40];
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  fails("shrink: O_TRUNC", open(path, O_RDWR | O_TRUNC), EPERM);
}

static void grow(void) {
  int file = make(MFD_ALLOW_SEALING);
  must(fcntl(file, F_ADD_SEALS, F_SEAL_GROW));
  static char block[2 * page];
  fails("grow", ftruncate(file, (pages + 1) * page), EPERM);
  fails("grow: append", pwrite(file, "x", 1, pages * page), EPERM);
  equal("grow: within", pwrite(file, block, page, (pages - 1) * page), page);
  fails("grow: allocate", fallocate(file, 0, pages * page, page), EPERM);
  fails("grow: allocate, size kept", fallocate(file, FALLOC_FL_KEEP_SIZE, pages * page, page),
        EPERM);
  equal("grow: allocate within", fallocate(file, 0, 0, pages * page), 0);
  equal("grow: shrink", ftruncate(file, page), 0);
  fails("grow: and not back", ftruncate(file, 2 * page), EPERM);
  equal("grow: across the end", pwrite(file, block, sizeof block, 0), page);
  must(ftruncate(file, 100));
  fails("grow: across it in a page", pwrite(file, block, 200, 0), EPERM);
  struct stat stat;
  must(fstat(file, &stat));
  equal("grow: size", stat.st_size, 100);
}

static void write_seal(void) {
  int file = make(MFD_ALLOW_SEALING);
  char* shared = map(file, read_write, MAP_SHARED);
  fails("write: is mapped", fcntl(file, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
  fails("write: with others", fcntl(file, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW), EBUSY);
  equal("write: none was added", seals(file), 0);
  must(mprotect(shared, page, PROT_READ));
  fails("write: may be made writable", fcntl(file, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
  pid_t child = must(fork());
  if (child == 0) {
    must(munmap(shared, page));
    fails("write: the parent has it", fcntl(file, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
    _exit(check_failures);
  }
  exits("write: child", child, 0);
  must(munmap(shared, page));
  char path[40];
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  int reader = must(open(path, O_RDONLY));
  char* readable = map(reader, PROT_READ, MAP_SHARED);
  char* private = map(file, read_write, MAP_PRIVATE);
  equal("write", fcntl(file, F_ADD_SEALS, F_SEAL_WRITE), 0);
  private[0] = 'p';
  fails("write: write", pwrite(file, "x", 1, 0), EPERM);
  equal("write: nothing", pwrite(file, "x", 0, 0), 0);
  fails("write: map", (long)map(file, read_write, MAP_SHARED), EPERM);
  fails("write: mprotect", mprotect(readable, page, read_write), EACCES);
  char* view = map(file, PROT_READ, MAP_SHARED);
  ok("write: map to read", view != MAP_FAILED);
  fails("write: mprotect that", mprotect(view, page, read_write), EACCES);
  ok("write: map a copy", map(file, read_write, MAP_PRIVATE) != MAP_FAILED);
  fails("write: hole", fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, page), EPERM);
  equal("write: allocate", fallocate(file, 0, 0, page), 0);
  equal("write: truncate", ftruncate(file, page), 0);
  equal("write: and back", ftruncate(file, pages * page), 0);
  equal("write: again", fcntl(file, F_ADD_SEALS, F_SEAL_WRITE), 0);
  ok("write: opened for writing", open(path, O_RDWR) >= 0);
}

static void future_write(void) {
  int file = make(MFD_ALLOW_SEALING);
  char* shared = map(file, read_write, MAP_SHARED);
  equal("future", fcntl(file, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
  shared[0] = 's';
  char byte = 0;
  equal("future: by the old mapping", pread(file, &byte, 1, 0) == 1 && byte == 's', 1);
  fails("future: write", pwrite(file, "x", 1, 0), EPERM);
  fails("future: map", (long)map(file, read_write, MAP_SHARED), EPERM);
  char* view = map(file, PROT_READ, MAP_SHARED);
  ok("future: map to read", view != MAP_FAILED);
  fails("future: mprotect", mprotect(view, page, read_write), EACCES);
  must(mprotect(shared, page, PROT_READ));
  equal("future: the old one may", mprotect(shared, page, read_write), 0);
  fails("future: hole", fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, page), EPERM);
  fails("future: MADV_REMOVE", madvise(shared, page, MADV_REMOVE), EPERM);
  pid_t child = must(fork());
  if (child == 0) {
    shared[1] = 'c';
    _exit(0);
  }
  exits("future: child", child, 0);
  equal("future: writes too", shared[1], 'c');
  char* moved = mremap(shared, page, 2 * page, MREMAP_MAYMOVE);
  ok("future: grown", moved != MAP_FAILED);
  fails("future: write seal", fcntl(file, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
  must(munmap(moved, 2 * page));
  equal("future: and now", fcntl(file, F_ADD_SEALS, F_SEAL_WRITE), 0);
  equal("future: both", seals(file), F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);
}

static void executable(void) {
  int file = make(MFD_ALLOW_SEALING);
  must(fchmod(file, 0600));
  equal("exec", fcntl(file, F_ADD_SEALS, F_SEAL_EXEC), 0);
  equal("exec: alone", seals(file), F_SEAL_EXEC);
  fails("exec: chmod", fchmod(file, 0700), EPERM);
  equal("exec: other bits", fchmod(file, 0644), 0);
  file = make(MFD_ALLOW_SEALING);
  equal("exec: of a program", fcntl(file, F_ADD_SEALS, F_SEAL_EXEC), 0);
  equal("exec: seals all", seals(file),
        F_SEAL_EXEC | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);
  fails("exec: write", pwrite(file, "x", 1, 0), EPERM);
  fails("exec: chmod back", fchmod(file, 0600), EPERM);
  equal("exec: may be set-uid", fchmod(file, 04777), 0);
  file = make(MFD_ALLOW_SEALING);
  char* shared = map(file, read_write, MAP_SHARED);
  fails("exec: mapped", fcntl(file, F_ADD_SEALS, F_SEAL_EXEC), EBUSY);
  must(munmap(shared, page));
}

int main(void) {
  creation();
  errors();
  shrink();
  grow();
  write_seal();
  future_write();
  executable();
  return finish();
}
