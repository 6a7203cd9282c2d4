// SPDX-License-Identifier: MIT
//
// MAP_HUGETLB from a pool (vm.nr_hugepages): its size and counters, what is promised at mmap and
// kept at a touch, sharing by fork and copies, the calls that change mappings, and what is shown of
// it in /proc.
#include "check.h"

enum { page = 4096, huge = 2 << 20 };
static const int read_write = PROT_READ | PROT_WRITE;

static long number_in(const char* path, const char* name) {
  static char text[65536];
  must(slurp(path, text, sizeof text));
  char* at = name == NULL ? text : strstr(text, name);
  return at == NULL ? -1 : strtol(name == NULL ? at : at + strlen(name) + 1, NULL, 10);
}
static long meminfo(const char* name) { return number_in("/proc/meminfo", name); }
static void resize(long pages) {
  char text[32];
  int file = must(open("/proc/sys/vm/nr_hugepages", O_WRONLY));
  must(write(file, text, (size_t)snprintf(text, sizeof text, "%ld\n", pages)));
  must(close(file));
}
static void counts(const char* when, long total, long available, long promised) {
  char label[80];
  snprintf(label, sizeof label, "%s: total", when);
  equal(label, meminfo("HugePages_Total"), total);
  snprintf(label, sizeof label, "%s: free", when);
  equal(label, meminfo("HugePages_Free"), available);
  snprintf(label, sizeof label, "%s: promised", when);
  equal(label, meminfo("HugePages_Rsvd"), promised);
}
static char* map(size_t pages, int flags) {
  return mmap(NULL, pages * huge, read_write, MAP_ANONYMOUS | MAP_HUGETLB | flags, -1, 0);
}
static void unmap(char* memory, size_t pages) { must(munmap(memory, pages * huge)); }
// What /proc/self/smaps says of the mapping at `memory`.
static long shown(const char* memory, const char* name) {
  static char text[65536];
  char start[32];
  must(slurp("/proc/self/smaps", text, sizeof text));
  snprintf(start, sizeof start, "%lx-", (unsigned long)memory);
  char* at = strstr(text, start);
  at = at == NULL ? NULL : strstr(at, name);
  return at == NULL ? -1 : strtol(at + strlen(name) + 1, NULL, 10);
}

static void pool(void) {
  equal("none at first", number_in("/proc/sys/vm/nr_hugepages", NULL), 0);
  fails("nothing to promise", (long)map(1, MAP_PRIVATE), ENOMEM);
  resize(8);
  equal("eight", number_in("/proc/sys/vm/nr_hugepages", NULL), 8);
  counts("eight", 8, 8, 0);
  equal("their size", meminfo("Hugepagesize"), 2048);
  equal("all of them", meminfo("Hugetlb"), 8 * 2048);
  resize(100000);
  long most = number_in("/proc/sys/vm/nr_hugepages", NULL);
  equal("as many as there are", most > 8 && most < 100000, 1);
  resize(8);
  counts("back", 8, 8, 0);
}

static void promises(void) {
  char* memory = map(3, MAP_PRIVATE);
  equal("at a border", (uintptr_t)memory % huge, 0);
  counts("mapped", 8, 8, 3);
  memory[huge + 5] = 1;
  counts("touched", 8, 7, 2);
  equal("zeros", memory[2 * huge] | memory[3 * huge - 1], 0);
  counts("read", 8, 6, 1);
  fails("more than is left", (long)map(6, MAP_PRIVATE), ENOMEM);
  fails("shared too", (long)map(6, MAP_SHARED), ENOMEM);
  char* other = map(5, MAP_PRIVATE);
  counts("all promised", 8, 6, 6);
  unmap(other, 5);
  char* bold = map(20, MAP_PRIVATE | MAP_NORESERVE);
  equal("not promised", bold != MAP_FAILED, 1);
  pid_t child = must(fork());
  if (child == 0) {
    for (int i = 0; i < 20; ++i) bold[i * huge] = 1;
    _exit(0);
  }
  killed_by("beyond the pool", child, SIGBUS);
  counts("which has them back", 8, 6, 1);
  unmap(bold, 20);
  must(munmap(memory + huge, huge));
  counts("one less", 8, 7, 1);
  unmap(memory, 1);
  unmap(memory + 2 * huge, 1);
  counts("all back", 8, 8, 0);
  memory =
      mmap(NULL, huge, read_write, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE, -1, 0);
  counts("populated", 8, 7, 0);
  unmap(memory, 1);
}

static void forks(void) {
  char* memory = map(3, MAP_PRIVATE);
  memory[0] = 1, memory[huge] = 2;
  pid_t child = must(fork());
  if (child == 0) {
    equal("a child sees it", memory[0] + memory[huge], 3);
    memory[0] = 5;
    counts("its copy", 8, 5, 1);
    memory[2 * huge] = 7;
    counts("its own page", 8, 4, 1);
    _exit(check_failures);
  }
  exits("child", child, 0);
  counts("gone", 8, 6, 1);
  equal("the parent's stays", memory[0], 1);
  memory[0] = 2;
  counts("the last owner copies nothing", 8, 6, 1);
  char* rest = map(5, MAP_PRIVATE);
  counts("all promised", 8, 6, 6);
  child = must(fork());
  if (child == 0) {
    equal("still shared", memory[huge], 2);
    memory[huge] = 3;
    _exit(1);
  }
  killed_by("nothing for a child's copy", child, SIGBUS);
  int gate[2], ready[2];
  must(pipe(gate));
  must(pipe(ready));
  child = must(fork());
  if (child == 0) {
    char byte;
    must(read(gate[0], &byte, 1));
    must(write(ready[1], memory, 1));  // it may still be there: not touched by the parent
    byte = ((volatile char*)memory)[huge];
    _exit(byte);
  }
  memory[huge] = 9;
  equal("the parent takes it back", memory[huge], 9);
  must(write(gate[1], "x", 1));
  char byte;
  must(read(ready[0], &byte, 1));
  equal("what it left is seen", byte, 2);
  killed_by("what it took is lost", child, SIGBUS);
  unmap(memory, 3);
  unmap(rest, 5);
  counts("all back", 8, 8, 0);
}

static void shared(void) {
  char* memory = map(3, MAP_SHARED);
  counts("promised to all", 8, 8, 3);
  memory[0] = 1;
  pid_t child = must(fork());
  if (child == 0) {
    memory[1] = 2;
    memory[huge] = 3;
    _exit(0);
  }
  exits("child", child, 0);
  equal("seen by the parent", memory[1] + memory[huge], 5);
  counts("two of three", 8, 6, 1);
  equal("MADV_REMOVE", madvise(memory, huge, MADV_REMOVE), 0);
  counts("one less", 8, 7, 1);
  equal("zeros again", memory[1], 0);
  unmap(memory, 2);
  counts("the last view holds it", 8, 6, 1);
  unmap(memory + 2 * huge, 1);
  counts("gone", 8, 8, 0);
}

static void changes(void) {
  char* memory = map(4, MAP_PRIVATE);
  for (int i = 0; i < 4; ++i) memory[i * huge] = (char)(i + 1);
  fails("munmap of a part", munmap(memory + page, huge), EINVAL);
  fails("its end", munmap(memory, huge + page), EINVAL);
  fails("mprotect of a part", mprotect(memory, page, PROT_READ), EINVAL);
  equal("mprotect", mprotect(memory, huge, PROT_NONE), 0);
  pid_t child = must(fork());
  if (child == 0) _exit(((volatile char*)memory)[0]);
  killed_by("no rights", child, SIGSEGV);
  equal("read only", mprotect(memory, huge, PROT_READ), 0);
  equal("still there", memory[0], 1);
  child = must(fork());
  if (child == 0) {
    memory[0] = 1;
    _exit(0);
  }
  killed_by("cannot be written", child, SIGSEGV);
  equal("and back", mprotect(memory, huge, read_write), 0);
  memory[0] = 6;
  fails("MADV_FREE", madvise(memory, huge, MADV_FREE), EINVAL);
  fails("MADV_WIPEONFORK", madvise(memory, huge, MADV_WIPEONFORK), EINVAL);
  fails("MADV_COLD", madvise(memory, huge, MADV_COLD), EINVAL);
  fails("MADV_DONTFORK of a part", madvise(memory, page, MADV_DONTFORK), EINVAL);
  fails("MADV_DONTNEED from within", madvise(memory + page, huge, MADV_DONTNEED), EINVAL);
  equal("MADV_DONTNEED", madvise(memory + huge, huge + page, MADV_DONTNEED), 0);
  equal("discards", memory[huge], 0);
  equal("whole pages", memory[2 * huge], 3);
  fails("mremap grows", (long)mremap(memory, 4 * huge, 5 * huge, MREMAP_MAYMOVE), EINVAL);
  char* place = map(4, MAP_PRIVATE | MAP_NORESERVE);
  fails("to no border",
        (long)mremap(memory, 4 * huge, 4 * huge, MREMAP_MAYMOVE | MREMAP_FIXED, place + page),
        EINVAL);
  const int forced = MREMAP_MAYMOVE | MREMAP_FIXED;
  fails("two mappings", (long)mremap(memory, 4 * huge, 4 * huge, forced, place), EFAULT);
  long before = meminfo("HugePages_Free");
  char* moved = mremap(memory + huge, 3 * huge, 2 * huge, forced, place);
  equal("moves", moved == place, 1);
  equal("with its pages", moved[huge], 3);
  equal("one was cut off", meminfo("HugePages_Free") - before, 1);
  equal("mlock", mlock(moved, huge), 0);
  equal("locks nothing", number_in("/proc/self/status", "VmLck:"), 0);
  unmap(place, 4);
  unmap(memory, 1);
  counts("all back", 8, 8, 0);
}

static void what_is_shown(void) {
  long resident = number_in("/proc/self/status", "VmRSS:");
  long promised = meminfo("Committed_AS");
  char* memory = map(2, MAP_PRIVATE);
  memory[0] = 1;
  equal("HugetlbPages", number_in("/proc/self/status", "HugetlbPages:"), 2048);
  equal("not resident", number_in("/proc/self/status", "VmRSS:") - resident < 512, 1);
  equal("nor promised", meminfo("Committed_AS") - promised < 512, 1);
  equal("its pages' size", shown(memory, "KernelPageSize:"), 2048);
  equal("private", shown(memory, "Private_Hugetlb:"), 2048);
  equal("not shared", shown(memory, "Shared_Hugetlb:"), 0);
  equal("apart from the rest", shown(memory, "Rss:"), 0);
  pid_t child = must(fork());
  if (child == 0) {
    equal("shared since a fork", shown(memory, "Shared_Hugetlb:"), 2048);
    _exit(check_failures);
  }
  exits("child", child, 0);
  resize(0);
  equal("what is in use stays", meminfo("HugePages_Total"), 2);
  equal("as surplus", meminfo("HugePages_Surp"),
        meminfo("HugePages_Total") - number_in("/proc/sys/vm/nr_hugepages", NULL));
  memory[huge] = 1;
  unmap(memory, 2);
  resize(0);
  counts("none left", 0, 0, 0);
}

int main(void) {
  pool();
  promises();
  forks();
  shared();
  changes();
  what_is_shown();
  return finish();
}
