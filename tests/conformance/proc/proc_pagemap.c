// SPDX-License-Identifier: MIT
//
// /proc/PID/pagemap: present, exclusive and file bits of each kind of memory, through a fork and
// copies, what reading it accepts, and what an unprivileged reader may see; /proc/PID/clear_refs
// and what it does to Referenced of smaps and to VmHWM.
#include "check.h"

enum { page = 4096, pages = 16 };
static const uint64_t present = 1ull << 63, shown_as_file = 1ull << 61, exclusive = 1ull << 56,
                      swapped = 1ull << 62, frame_number = (1ull << 55) - 1;

// The word for one address, without the frame's number and the soft-dirty bit; the sign tells apart
// what has none.
static uint64_t whole_word(const void* at) {
  uint64_t word = 0;
  int file = must(open("/proc/self/pagemap", O_RDONLY));
  must(pread(file, &word, 8, (long)((uintptr_t)at / page * 8)));
  must(close(file));
  return word;
}
static uint64_t word(const void* at) {
  return whole_word(at) & (present | shown_as_file | exclusive | swapped);
}
static void shows(const char* label, const void* at, uint64_t want) {
  equal(label, (long)(word(at) >> 56), (long)(want >> 56));
}
static char* map(int flags, int file) {
  char* memory = mmap(NULL, pages * page, PROT_READ | PROT_WRITE, flags, file, 0);
  must(memory != MAP_FAILED);
  return memory;
}

static void kinds(void) {
  char* memory = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
  shows("untouched", memory, 0);
  int zero = ((volatile char*)memory)[0];
  equal("a page of zeros", zero, 0);
  shows("is nobody's", memory, present);
  memory[page] = 1;
  shows("written", memory + page, present | exclusive);
  ok("its frame", (whole_word(memory + page) & frame_number) != 0);
  must(mprotect(memory, 2 * page, PROT_NONE));
  shows("without rights", memory + page, present | exclusive);
  must(mprotect(memory, 2 * page, PROT_READ | PROT_WRITE));
  must(madvise(memory + page, page, MADV_DONTNEED));
  shows("discarded", memory + page, 0);
  must(munmap(memory, page));
  shows("unmapped", memory, 0);
  shows("page 0", NULL, 0);
  char* shared = map(MAP_SHARED | MAP_ANONYMOUS, -1);
  shows("shared, untouched", shared, 0);
  shared[0] = 1;
  shows("shared", shared, present | shown_as_file | exclusive);
  int file = must(memfd_create("file", 0));
  must(ftruncate(file, pages * page));
  must(pwrite(file, "abc", 3, 0));
  char* view = map(MAP_PRIVATE, file);
  int seen = ((volatile char*)view)[0];
  equal("of a file", seen, 'a');
  shows("read", view, present | shown_as_file | exclusive);
  char* other = map(MAP_SHARED, file);
  other[0] = 'x';
  shows("twice mapped", view, present | shown_as_file);
  shows("the other", other, present | shown_as_file);
  view[0] = 'y';
  shows("its copy", view, present | exclusive);
  shows("and the rest", other, present | shown_as_file | exclusive);
}

static void forks(void) {
  char* memory = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
  memory[0] = memory[page] = 1;
  struct gate ready = gate_make(), go = gate_make();
  pid_t child = must(fork());
  if (child == 0) {
    shows("child: shared", memory, present);
    memory[0] = 2;
    shows("child: its copy", memory, present | exclusive);
    gate_open(ready);
    gate_wait(go);
    _exit(check_failures);
  }
  gate_wait(ready);
  shows("the parent's is its own again", memory, present | exclusive);
  shows("and this is shared", memory + page, present);
  gate_open(go);
  exits("child", child, 0);
  shows("not any more", memory + page, present | exclusive);
}

static void reading(void) {
  int file = must(open("/proc/self/pagemap", O_RDONLY));
  uint64_t words[pages + 4];
  fails("a part of a word", pread(file, words, 7, 0), EINVAL);
  fails("from within one", pread(file, words, 8, 4), EINVAL);
  fails("a word and a half", pread(file, words, 12, 0), EINVAL);
  equal("nothing", pread(file, words, 0, 0), 0);
  equal("behind all", pread(file, words, 16, (1l << 47) / page * 8), 0);
  fails("nowhere", pread(file, (void*)1, 8, 0), EFAULT);
  equal("SEEK_SET", lseek(file, 64, SEEK_SET), 64);
  equal("read", read(file, words, 16), 16);
  equal("goes on", lseek(file, 0, SEEK_CUR), 80);
  fails("SEEK_END", lseek(file, 0, SEEK_END), EINVAL);
  char* memory = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
  must(munmap(memory, page));
  must(munmap(memory + (pages - 1) * page, page));
  for (int i = 1; i < pages - 1; i += 3) memory[i * page] = 1;
  memset(words, 0xff, sizeof words);
  equal("a mapping and its surroundings",
        pread(file, words, (pages) * 8, (long)((uintptr_t)memory / page * 8)), pages * 8);
  int right = 0;
  for (int i = 0; i < pages; ++i) {
    const int touched = i % 3 == 1 && i < pages - 1;
    right += (words[i] >> 63) == (uint64_t)touched;
  }
  equal("each as it is", right, pages);
  static uint64_t many[1 << 16];
  equal("a long way", pread(file, many, sizeof many, 0), (long)sizeof many);
  fails("write", write(file, words, 8), EBADF);
}

static void unprivileged(void) {
  char* memory = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
  memory[0] = 1;
  int early = must(open("/proc/self/pagemap", O_RDONLY));
  struct stat stat;
  must(fstat(early, &stat));
  equal("mode", stat.st_mode, S_IFREG | 0400);
  pid_t parent = getpid(), child = must(fork());
  if (child == 0) {
    uint64_t value = 0;
    must(setresgid(1000, 1000, 1000));
    must(setresuid(1000, 1000, 1000));
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/pagemap", parent);
    fails("another's", open(path, O_RDONLY), EACCES);
    equal("one that was opened before",
          pread(early, &value, 8, (long)((uintptr_t)memory / page * 8)), 8);
    ok("shows frames", (value & frame_number) != 0);
    _exit(check_failures);
  }
  exits("child", child, 0);
}

static long referenced(const void* start) {
  static char text[1 << 18];
  char head[64];
  must(slurp("/proc/self/smaps", text, sizeof text));
  snprintf(head, sizeof head, "%08lx-", (long)start);
  char* at = strstr(text, head);
  at = at ? strstr(at, "Referenced:") : NULL;
  return at ? strtol(at + strlen("Referenced:"), NULL, 10) : -1;
}
static long peak(void) {
  char text[8192];
  must(slurp("/proc/self/status", text, sizeof text));
  return strtol(strstr(text, "VmHWM:") + 6, NULL, 10);
}
static char* alone(int flags) {
  char* memory = map(flags, -1);
  must(munmap(memory, page));
  must(munmap(memory + (pages - 1) * page, page));
  memory += page;
  for (int i = 0; i < 10; ++i) memory[i * page] = 1;
  return memory;
}

// Linux leaves a translation that the processor has cached, by which a page is used without a
// trace.
static void clear(int file, const char* what) {
  char label[8];
  snprintf(label, sizeof label, "%.1s", what);
  equal(label, write(file, what, strlen(what)), (long)strlen(what));
  const size_t many = 256 * page;
  char* memory = mmap(NULL, many, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(memory, 1, many);
  must(mprotect(memory, many, PROT_READ));
  must(munmap(memory, many));
}

static void clearing(void) {
  int file = must(open("/proc/self/clear_refs", O_WRONLY));
  char* memory = alone(MAP_PRIVATE | MAP_ANONYMOUS);
  char* shared = alone(MAP_SHARED | MAP_ANONYMOUS);
  equal("touched", referenced(memory), 40);
  equal("shared", referenced(shared), 40);
  clear(file, "2");
  equal("anonymous memory", referenced(memory), 0);
  equal("that alone", referenced(shared), 40);
  memory[3 * page] = 2;
  equal("touched again", referenced(memory), 4);
  clear(file, "3\n");
  equal("of objects", referenced(shared), 0);
  equal("and not that", referenced(memory), 4);
  shared[0] = shared[page] = 3;
  equal("two of them", referenced(shared), 8);
  pid_t child = must(fork());
  if (child == 0) {
    clear(must(open("/proc/self/clear_refs", O_WRONLY)), "1");
    equal("child: all", referenced(memory), 0);
    equal("child: shared", referenced(shared), 0);
    _exit(check_failures);
  }
  exits("child", child, 0);
  equal("what is shared since a fork stays", referenced(memory), 4);
  clear(file, "1");
  equal("all", referenced(memory) + referenced(shared), 0);
  equal("contents stay", memory[3 * page] + shared[page], 5);

  for (const char* const* text = (const char*[]){"0", "6", "x", "1x", "-1", "0x1", NULL}; *text;
       ++text) {
    fails(*text, write(file, *text, strlen(*text)), EINVAL);
  }
  equal("blanks", write(file, " 1\n", 3), 3);
  equal("soft-dirty bits", write(file, "4", 1), 1);
  fails("nowhere", write(file, (void*)1, 1), EFAULT);
  char byte;
  fails("read", read(must(open("/proc/self/clear_refs", O_RDONLY)), &byte, 1), EINVAL);
  struct stat stat;
  must(fstat(file, &stat));
  equal("mode", stat.st_mode, S_IFREG | 0200);
  const size_t large = 4 << 20;
  char* peaked = mmap(NULL, large, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(peaked, 1, large);
  must(munmap(peaked, large));
  long before = peak();
  equal("5", write(file, "5", 1), 1);
  ok("the peak is forgotten", before - peak() > 3 << 10);
}

int main(void) {
  kinds();
  forks();
  reading();
  unprivileged();
  clearing();
  return finish();
}
