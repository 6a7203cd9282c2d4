// SPDX-License-Identifier: MIT
//
// madvise(2), each advice and its errors; process_madvise(2); mincore(2) and msync(2).
#include <sys/uio.h>

#include "resident.h"

enum { cold = 20, page_out = 21, populate_read = 22, populate_write = 23, wipe_on_fork = 18,
       keep_on_fork = 19 };

static char* map(int pages, int rights, int flags) {
  return mmap(NULL, (size_t)pages * page, rights, flags | MAP_ANONYMOUS, -1, 0);
}
static const int both = PROT_READ | PROT_WRITE;

static void arguments(void) {
  char* memory = map(4, both, MAP_PRIVATE);
  fails("unknown advice", madvise(memory, page, 99), EINVAL);
  fails("unaligned", madvise(memory + 1, page, MADV_NORMAL), EINVAL);
  fails("wraps around", madvise(memory, (size_t)-page, MADV_NORMAL), EINVAL);
  equal("nothing", madvise(memory, 0, MADV_DONTNEED), 0);
  fails("nothing of unknown", madvise(memory, 0, 99), EINVAL);
  must(munmap(memory + page, page));
  memory[0] = memory[2 * page] = 1;
  fails("hole", madvise(memory, 4 * page, MADV_DONTNEED), ENOMEM);
  equal("the rest is done", memory[0] + memory[2 * page], 0);
  fails("nothing there", madvise(memory + page, page, MADV_NORMAL), ENOMEM);
  for (int advice = MADV_NORMAL; advice <= MADV_WILLNEED; ++advice) {
    equal("a hint", madvise(memory, page, advice), 0);
  }
  equal("cold", madvise(memory, page, cold), 0);
  equal("page out", madvise(memory, page, page_out), 0);
  memory[0] = 5;
  must(madvise(memory, page, page_out));
  equal("page out keeps", memory[0], 5);
}

static void discard(void) {
  char* memory = map(4, both, MAP_PRIVATE);
  memset(memory, 'x', 4 * page);
  equal("DONTNEED", madvise(memory + page, 2 * page, MADV_DONTNEED), 0);
  equal("zeros", memory[page] + memory[3 * page - 1], 0);
  equal("between", memory[0] == 'x' && memory[3 * page] == 'x', 1);
  equal("FREE", madvise(memory, page, MADV_FREE), 0);
  ok("old or zero", memory[0] == 'x' || memory[0] == 0);
  memory[0] = 'n';
  equal("written again stays", memory[0], 'n');
  char* shared = map(2, both, MAP_SHARED);
  shared[0] = 's';
  fails("FREE of shared", madvise(shared, page, MADV_FREE), EINVAL);
  equal("DONTNEED of shared", madvise(shared, page, MADV_DONTNEED), 0);
  equal("keeps it", shared[0], 's');
  spill("file", "contents", 8, 0644);
  int file = must(open("file", O_RDWR));
  char* copy = mmap(NULL, page, both, MAP_PRIVATE, file, 0);
  copy[0] = 'C';
  equal("DONTNEED of a copy", madvise(copy, page, MADV_DONTNEED), 0);
  equal("shows the file", copy[0], 'c');
  fails("FREE of a file", madvise(copy, page, MADV_FREE), EINVAL);
  char* readable = map(1, PROT_READ, MAP_PRIVATE);
  equal("DONTNEED of read-only", madvise(readable, page, MADV_DONTNEED), 0);
  char* none = map(1, PROT_NONE, MAP_PRIVATE);
  equal("and without rights", madvise(none, page, MADV_DONTNEED), 0);
}

static void forks(void) {
  char* wiped = map(1, both, MAP_PRIVATE);
  char* left = map(3, both, MAP_PRIVATE) + page;
  *wiped = *left = 'p';
  equal("WIPEONFORK", madvise(wiped, page, wipe_on_fork), 0);
  fails("of shared", madvise(map(1, both, MAP_SHARED), page, wipe_on_fork), EINVAL);
  equal("DONTFORK", madvise(left, page, MADV_DONTFORK), 0);
  pid_t child = must(fork());
  if (child == 0) {
    equal("wiped", *wiped, 0);
    unsigned char in;
    fails("not there", mincore(left, page, &in), ENOMEM);
    pid_t grandchild = must(fork());
    *wiped = 'c';
    if (grandchild == 0) _exit(*wiped);
    exits("a grandchild's", grandchild, 'c');
    _exit(check_failures);
  }
  exits("child", child, 0);
  equal("ours", *wiped == 'p' && *left == 'p', 1);
  equal("KEEPONFORK", madvise(wiped, page, keep_on_fork), 0);
  equal("DOFORK", madvise(left, page, MADV_DOFORK), 0);
  child = must(fork());
  if (child == 0) _exit(*wiped == 'p' && *left == 'p' ? 0 : 1);
  exits("both there", child, 0);
}

static void populate(void) {
  char* memory = map(8, both, MAP_PRIVATE);
  equal("to read", madvise(memory, 4 * page, populate_read), 0);
  equal("to write", madvise(memory + 4 * page, 4 * page, populate_write), 0);
  equal("in memory", resident(memory + 4 * page, 4), 4);
  must(mprotect(memory, page, PROT_READ));
  fails("not writable", madvise(memory, page, populate_write), EINVAL);
  must(mprotect(memory, page, PROT_NONE));
  fails("not readable", madvise(memory, page, populate_read), EINVAL);
  must(munmap(memory + page, page));
  fails("hole", madvise(memory + page, page, populate_read), ENOMEM);
  int file = must(memfd_create("f", 0));
  must(ftruncate(file, page));
  char* beyond = mmap(NULL, 2 * page, both, MAP_SHARED, file, 0);
  fails("beyond the end", madvise(beyond, 2 * page, populate_read), EFAULT);
  equal("up to it", resident(beyond, 1), 1);
}

static void core_maps(void) {
  char* memory = map(20, both, MAP_PRIVATE);
  unsigned char in[20];
  memset(in, 0xff, sizeof in);
  equal("mincore", mincore(memory, 20 * page, in), 0);
  equal("nothing yet", in[0] | in[19], 0);
  memory[3 * page] = 1;
  equal("one of 20", resident(memory, 20), 1);
  equal("which", (mincore(memory + 3 * page, 1, in), in[0]), 1);
  fails("unaligned", mincore(memory + 1, page, in), EINVAL);
  fails("bad vector", mincore(memory, page, (void*)8), EFAULT);
  fails("unmapped", mincore((void*)0x10000, page, in), ENOMEM);
  must(munmap(memory + 10 * page, page));
  fails("hole", mincore(memory, 20 * page, in), ENOMEM);
  equal("nothing asked", mincore(memory, 0, in), 0);
  fails("too long", mincore(memory, (size_t)1 << 48, in), ENOMEM);
  int file = must(memfd_create("f", 0));
  must(ftruncate(file, 4 * page));
  char* shared = mmap(NULL, 4 * page, both, MAP_SHARED, file, 0);
  must(pwrite(file, "x", 1, 2 * page));
  equal("of a file", resident(shared, 4), 1);
}

static void synchronise(void) {
  char* memory = map(4, both, MAP_PRIVATE);
  equal("nothing", msync(memory, 0, MS_SYNC), 0);
  equal("sync", msync(memory, 4 * page, MS_SYNC), 0);
  equal("async", msync(memory, 4 * page, MS_ASYNC), 0);
  equal("neither", msync(memory, 4 * page, 0), 0);
  fails("both", msync(memory, page, MS_SYNC | MS_ASYNC), EINVAL);
  fails("unknown", msync(memory, page, 8), EINVAL);
  fails("unaligned", msync(memory + 1, page, MS_SYNC), EINVAL);
  must(mlock(memory, page));
  fails("locked, invalidate", msync(memory, page, MS_INVALIDATE), EBUSY);
  equal("locked, sync", msync(memory, page, MS_SYNC), 0);
  must(munmap(memory + page, page));
  fails("hole", msync(memory, 4 * page, MS_SYNC), ENOMEM);
  fails("wraps around", msync(memory, (size_t)-page, MS_SYNC), ENOMEM);
}

static long advise(int process, struct iovec* vectors, size_t count, int advice, unsigned flags) {
  return syscall(440, process, vectors, count, advice, flags);
}

static void other_processes(void) {
  char* memory = map(4, both, MAP_PRIVATE);
  memory[0] = 1;
  pid_t child = must(fork());
  if (child == 0)
    for (;;) pause();
  int process = must(syscall(SYS_pidfd_open, child, 0));
  struct iovec vectors[2] = {{memory, page}, {memory + page, 2 * page}};
  equal("cold elsewhere", advise(process, vectors, 2, cold, 0), 3 * page);
  equal("needed elsewhere", advise(process, vectors, 1, MADV_WILLNEED, 0), page);
  equal("page out elsewhere", advise(process, vectors, 1, page_out, 0), page);
  fails("not DONTNEED", advise(process, vectors, 1, MADV_DONTNEED, 0), EINVAL);
  fails("nor unknown", advise(process, vectors, 1, 99, 0), EINVAL);
  fails("elsewhere, flags", advise(process, vectors, 1, cold, 1), EINVAL);
  fails("no process", advise(-1, vectors, 1, cold, 0), EBADF);
  fails("no pidfd", advise(1, vectors, 1, cold, 0), EBADF);
  vectors[1].iov_base = (void*)0x10000;
  equal("up to a hole", advise(process, vectors, 2, cold, 0), page);
  fails("a hole alone", advise(process, vectors + 1, 1, cold, 0), ENOMEM);
  equal("no vectors", advise(process, vectors, 0, cold, 0), 0);
  must(kill(child, SIGKILL));
  must(waitpid(child, NULL, 0));
  fails("who has gone", advise(process, vectors, 1, cold, 0), ESRCH);
}

int main(void) {
  arguments();
  discard();
  forks();
  populate();
  core_maps();
  synchronise();
  other_processes();
  return finish();
}
