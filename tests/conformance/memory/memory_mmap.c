// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// mmap's arguments: fixed places, hints, lengths, flags, files, protections against open modes.
#include "check.h"

static long map(void* at, size_t size, int protection, int flags, int file, off_t offset) {
  return syscall(SYS_mmap, at, size, protection, flags, file, offset);
}

int main(void) {
  int anonymous = MAP_PRIVATE | MAP_ANONYMOUS, both = PROT_READ | PROT_WRITE;
  spill("file", "file contents", 13, 0644);
  int reader = must(open("file", O_RDONLY)), writer = must(open("file", O_RDWR)),
      only = must(open("file", O_WRONLY));
  char* base = (char*)must(map(NULL, 65536, both, anonymous, -1, 0));
  equal("page aligned", (long)((uintptr_t)base & 4095), 0);
  equal("zero filled", base[0] + base[65535], 0);
  base[4096] = 7;
  equal("MAP_FIXED replaces", map(base + 4096, 4096, both, anonymous | MAP_FIXED, -1, 0),
        (long)(base + 4096));
  equal("with zeros", base[4096], 0);
  fails("MAP_FIXED_NOREPLACE", map(base, 4096, both, anonymous | 0x100000, -1, 0), EEXIST);
  must(munmap(base + 8192, 4096));
  equal("hint in a hole", map(base + 8192, 4096, both, anonymous, -1, 0), (long)(base + 8192));
  fails("length 0", map(NULL, 0, both, anonymous, -1, 0), EINVAL);
  fails("no type", map(NULL, 4096, both, MAP_ANONYMOUS, -1, 0), EINVAL);
  fails("unaligned fixed", map(base + 1, 4096, both, anonymous | MAP_FIXED, -1, 0), EINVAL);
  fails("unaligned offset", map(NULL, 4096, PROT_READ, MAP_PRIVATE, reader, 1), EINVAL);
  fails("bad descriptor", map(NULL, 4096, PROT_READ, MAP_PRIVATE, 99, 0), EBADF);
  fails("beyond user space", map((void*)(1UL << 60), 8192, both, anonymous | MAP_FIXED, -1, 0),
        ENOMEM);
  fails("too large", map(NULL, 1UL << 47, both, anonymous, -1, 0), ENOMEM);
  fails("shared write of a reader", map(NULL, 4096, both, MAP_SHARED, reader, 0), EACCES);
  fails("write-only file", map(NULL, 4096, PROT_READ, MAP_PRIVATE, only, 0), EACCES);
  char* file = (char*)must(map(NULL, 8192, both, MAP_PRIVATE, reader, 0));
  ok("contents, then zeros",
     memcmp(file, "file contents", 13) == 0 && file[13] == 0 && file[4095] == 0);
  file[0] = 'F';
  char* shared = (char*)must(map(NULL, 4096, both, MAP_SHARED, writer, 0));
  equal("private write stays private", shared[0], 'f');
  shared[1] = 'I';
  char text[16] = {0};
  must(pread(reader, text, 13, 0));
  ok("shared write reaches read(2)", memcmp(text, "fIle contents", 13) == 0);
  must(pwrite(writer, "X", 1, 2));
  equal("and write(2) the mapping", shared[2], 'X');
  equal("msync", msync(shared, 4096, MS_SYNC), 0);
  fails("msync of a hole", msync((void*)0x10000, 4096, MS_SYNC), ENOMEM);
  fails("munmap unaligned", munmap(base + 1, 4096), EINVAL);
  fails("munmap 0", munmap(base, 0), EINVAL);
  equal("munmap of nothing", munmap((void*)0x100000, 4096), 0);
  int ends[2];
  must(pipe(ends));
  fails("a pipe", map(NULL, 4096, PROT_READ, MAP_PRIVATE, ends[0], 0), ENODEV);
  char* zero = (char*)must(map(NULL, 4096, both, MAP_PRIVATE, must(open("/dev/zero", O_RDWR)), 0));
  zero[5] = 1;
  equal("/dev/zero", zero[4] + zero[5], 1);
  must(close(writer));
  must(unlink("file"));
  equal("mapping outlives the file's name", shared[2], 'X');
  return finish();
}
