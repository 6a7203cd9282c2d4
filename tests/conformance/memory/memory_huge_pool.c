// SPDX-License-Identifier: MIT
//
// MAP_HUGETLB where the pool of huge pages is empty, as it is unless somebody fills it: what is
// refused, what is not, and what a touch does then.
#include "check.h"

enum { page = 4096, huge = 2 << 20, size_2m = 21 << 26, size_64k = 16 << 26 };
static const int read_write = PROT_READ | PROT_WRITE;

static char* map(size_t length, int flags) {
  return mmap(NULL, length, read_write, MAP_ANONYMOUS | MAP_HUGETLB | flags, -1, 0);
}

int main(void) {
  fails("nothing to promise", (long)map(huge, MAP_PRIVATE), ENOMEM);
  fails("shared", (long)map(huge, MAP_SHARED), ENOMEM);
  fails("of 2 MiB", (long)map(huge, MAP_PRIVATE | size_2m), ENOMEM);
  fails("a part of one", (long)map(page, MAP_PRIVATE), ENOMEM);
  fails("of 64 KiB", (long)map(huge, MAP_PRIVATE | size_64k), EINVAL);
  fails("no length", (long)map(0, MAP_PRIVATE), EINVAL);
  fails("neither shared nor private", (long)map(huge, 0), EINVAL);
  char* memory = map(3 * huge, MAP_PRIVATE | MAP_NORESERVE);
  equal("without a promise", memory != MAP_FAILED, 1);
  equal("at a border", (uintptr_t)memory % huge, 0);
  fails("at another place",
        (long)mmap(memory + page, huge, read_write,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_FIXED | MAP_NORESERVE, -1, 0),
        EINVAL);
  pid_t child = must(fork());
  if (child == 0) {
    memory[0] = 1;
    _exit(0);
  }
  killed_by("a touch", child, SIGBUS);
  int pipes[2];
  must(pipe(pipes));
  must(write(pipes[1], "x", 1));
  fails("the kernel's", read(pipes[0], memory, 1), EFAULT);
  fails("a part of a page", munmap(memory, page), EINVAL);
  fails("rights of a part", mprotect(memory, page, PROT_READ), EINVAL);
  equal("of a whole one", mprotect(memory, huge, PROT_READ), 0);
  fails("a file that has none",
        (long)mmap(NULL, huge, PROT_READ, MAP_PRIVATE | MAP_HUGETLB,
                   must(open("/proc/self/exe", O_RDONLY)), 0),
        EINVAL);
  equal("unmapped", munmap(memory, 3 * huge), 0);
  memory = map(huge, MAP_SHARED | MAP_NORESERVE);
  child = must(fork());
  if (child == 0) _exit(((volatile char*)memory)[0]);
  killed_by("shared, a touch", child, SIGBUS);
  return finish();
}
