// SPDX-License-Identifier: MIT
//
// Tables of bad arguments for mmap, munmap, mprotect, mremap, remap_file_pages and pkey_*, and what
// each says.
#include "check.h"

enum { page = 4096 };
static const int both = PROT_READ | PROT_WRITE;
static const int anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
#define user_end 0x7ffffffff000ul

static long map(unsigned long at, size_t size, int rights, int flags, int file, long offset) {
  return syscall(SYS_mmap, at, size, rights, flags, file, offset);
}
static long remap(void* from, size_t old_size, size_t size, int flags, void* to) {
  return syscall(SYS_mremap, from, old_size, size, flags, to);
}

static long protect(void* at, size_t size, int rights) {
  return syscall(SYS_mprotect, at, size, rights);
}

static void mapping(void) {
  int file = must(memfd_create("f", 0));
  must(ftruncate(file, 4 * page));
  fails("length 0 before the file", map(0, 0, both, MAP_PRIVATE, file, 0), EINVAL);
  fails("bad file before length", map(0, 0, both, MAP_PRIVATE, 99, 0), EBADF);
  fails("offset first of all", map(0, 0, both, MAP_PRIVATE, 99, 1), EINVAL);
  fails("type 0", map(0, page, both, 0, file, 0), EINVAL);
  fails("type 4", map(0, page, both, 4 | MAP_ANONYMOUS, -1, 0), EINVAL);
  fails("validate, unknown flag", map(0, page, both, 3 | 0x200000, file, 0), EOPNOTSUPP);
  fails("validate, anonymous", map(0, page, both, 3 | MAP_ANONYMOUS, -1, 0), EINVAL);
  ok("unknown flag", map(0, page, both, anonymous | 0x8000000, -1, 0) > 0);
  ok("unknown right", map(0, page, 0x40, anonymous, -1, 0) > 0);
  fails("offset overflows", map(0, page, both, MAP_SHARED, file, -page), EOVERFLOW);
  fails("too far in a file", map(0, 2 * page, PROT_READ, MAP_SHARED, file, 0x7ffffffffffff000),
        EOVERFLOW);
  ok("behind its end", map(0, page, both, MAP_SHARED, file, 100 * page) > 0);
  fails("fixed, noreplace unaligned", map(1, page, both, anonymous | 0x100000, -1, 0), EINVAL);
  fails("fixed at the end", map(user_end, page, both, anonymous | MAP_FIXED, -1, 0), ENOMEM);
  fails("length wraps", map(0, -1ul, both, anonymous, -1, 0), ENOMEM);
  ok("hint in the kernel's half", map(0xffff800000000000, page, both, anonymous, -1, 0) > 0);
  ok("hint too low", map(page, page, both, anonymous, -1, 0) > 0);
  fails("directory", map(0, page, PROT_READ, MAP_PRIVATE, must(open("/", O_RDONLY)), 0), ENODEV);
  fails("path only", map(0, page, PROT_READ, MAP_PRIVATE, must(open("/", O_PATH)), 0), EBADF);
  ok("low addresses", (unsigned long)map(0, page, both, anonymous | MAP_32BIT, -1, 0) < 1ul << 31);
}

static void unmapping(void) {
  char* memory = (char*)must(map(0, 4 * page, both, anonymous, -1, 0));
  fails("munmap unaligned", munmap(memory + 1, page), EINVAL);
  fails("munmap 0", munmap(memory, 0), EINVAL);
  fails("munmap wraps", munmap(memory, -1ul), EINVAL);
  fails("munmap of the kernel", munmap((void*)user_end, page), EINVAL);
  equal("munmap rounds up", munmap(memory, 1), 0);
  equal("munmap across a hole", munmap(memory, 4 * page), 0);
}

static void protecting(void) {
  char* memory = (char*)must(map(0, 4 * page, both, anonymous, -1, 0));
  fails("unaligned", protect(memory + 1, page, both), EINVAL);
  fails("unknown", protect(memory, page, 0x40), EINVAL);
  equal("nothing", protect(memory, 0, both), 0);
  fails("nothing, unaligned", protect(memory + 1, 0, both), EINVAL);
  fails("wraps", protect(memory, -1ul, both), ENOMEM);
  fails("unmapped", protect((void*)0x7000000, page, both), ENOMEM);
  must(munmap(memory + 2 * page, page));
  fails("hole", protect(memory, 4 * page, PROT_READ), ENOMEM);
  int reader = must(open("/proc/self/exe", O_RDONLY));
  char* shared = (char*)must(map(0, page, PROT_READ, MAP_SHARED, reader, 0));
  fails("write to a reader's", protect(shared, page, both), EACCES);
  equal("run it", protect(shared, page, PROT_READ | PROT_EXEC), 0);
  char* private = (char*)must(map(0, page, PROT_READ, MAP_PRIVATE, reader, 0));
  equal("a copy may", protect(private, page, both), 0);
  equal("PROT_SEM", protect(private, page, PROT_READ | 8), 0);
}

static void remapping(void) {
  char* memory = (char*)must(map(0, 8 * page, both, anonymous, -1, 0));
  fails("remap unaligned", remap(memory + 1, page, page, 0, 0), EINVAL);
  fails("to nothing", remap(memory, page, 0, 0, 0), EINVAL);
  fails("flags", remap(memory, page, page, 8, 0), EINVAL);
  fails("fixed alone", remap(memory, page, page, MREMAP_FIXED, memory), EINVAL);
  fails("fixed unaligned", remap(memory, page, page, 3, memory + 4 * page + 1), EINVAL);
  fails("onto itself", remap(memory, 2 * page, 2 * page, 3, memory + page), EINVAL);
  fails("from itself", remap(memory + page, 2 * page, 2 * page, 3, memory), EINVAL);
  fails("to the kernel", remap(memory, page, page, 3, (void*)user_end), EINVAL);
  fails("unmapped", remap((void*)0x7000000, page, 2 * page, 1, 0), EFAULT);
  fails("too long", remap(memory, page, -1ul & ~4095ul, 1, 0), EINVAL);
  fails("more than there is", remap(memory, 9 * page, 12 * page, 1, 0), EFAULT);
  fails("no room", remap(memory, page, 2 * page, 0, 0), ENOMEM);
  equal("same size", remap(memory, page, page, 0, 0), (long)memory);
  must(munmap(memory + 4 * page, page));
  fails("across a hole", remap(memory, 8 * page, 9 * page, 1, 0), EFAULT);
  must(protect(memory + page, page, PROT_READ));
  fails("two mappings grow", remap(memory, 2 * page, 3 * page, 1, 0), EFAULT);
  equal("shrink", remap(memory + 5 * page, 3 * page, page, 0, 0), (long)memory + 5 * page);
  equal("and grow back", remap(memory + 5 * page, page, 3 * page, 0, 0), (long)memory + 5 * page);
}

static long shuffle(void* at, size_t size, int rights, size_t offset, int flags) {
  return syscall(SYS_remap_file_pages, at, size, rights, offset, flags);
}

static void file_pages(void) {
  int file = must(memfd_create("f", 0));
  must(ftruncate(file, 4 * page));
  for (int i = 0; i < 4; ++i) must(pwrite(file, "abcd" + i, 1, i * page));
  char* view = (char*)must(map(0, 4 * page, both, MAP_SHARED, file, 0));
  equal("remapped", shuffle(view, page, 0, 3, 0), 0);
  equal("shows the other", view[0], 'd');
  equal("two of them", shuffle(view + 2 * page, 2 * page, 0, 0, 0), 0);
  equal("in order", view[2 * page] == 'a' && view[3 * page] == 'b' && view[page] == 'b', 1);
  view[0] = 'D';
  char byte;
  equal("is the file", pread(file, &byte, 1, 3 * page) == 1 && byte == 'D', 1);
  fails("rights", shuffle(view, page, PROT_READ, 0, 0), EINVAL);
  fails("nothing", shuffle(view, 0, 0, 0, 0), EINVAL);
  fails("beyond the mapping", shuffle(view + 3 * page, 4 * page, 0, 0, 0), EINVAL);
  fails("offset overflows", shuffle(view, page, 0, -1ul, 0), EINVAL);
  fails("private", shuffle((char*)map(0, page, both, MAP_PRIVATE, file, 0), page, 0, 1, 0), EINVAL);
  fails("unmapped", shuffle((void*)0x7000000, page, 0, 0, 0), EINVAL);
}

// A processor without protection keys.
static void keys(void) {
  char* memory = (char*)must(map(0, 2 * page, both, anonymous, -1, 0));
  fails("no key", syscall(330, 0, 0), EINVAL);
  fails("key flags", syscall(330, 1, 0), EINVAL);
  fails("free a key", syscall(331, 1), EINVAL);
  equal("without a key", syscall(329, memory, page, PROT_READ, -1), 0);
  fails("with one", syscall(329, memory, page, PROT_READ, 1), EINVAL);
}

int main(void) {
  mapping();
  unmapping();
  protecting();
  remapping();
  file_pages();
  keys();
  return finish();
}
