// SPDX-License-Identifier: MIT
//
// /proc/PID/smaps, smaps_rollup and status: what is in memory, shared by whom, through forks of two
// generations, copies, locks, and objects that are mapped more than once.
#include "check.h"

#include <sys/prctl.h>

enum { page = 4096 };

// The figure of the mapping that starts at `start` (NULL: of the sum) in KiB; -1: not there.
static long figure(pid_t pid, const void* start, const char* name) {
  static char text[1 << 18];
  char path[64], head[64];
  snprintf(path, sizeof path, start ? "/proc/%d/smaps" : "/proc/%d/smaps_rollup", pid);
  must(slurp(path, text, sizeof text));
  snprintf(head, sizeof head, "%08lx-", (long)start);
  char* at = start ? strstr(text, head) : text;
  snprintf(head, sizeof head, "\n%s:", name);
  at = at ? strstr(at, head) : NULL;
  return at ? strtol(at + strlen(head), NULL, 10) : -1;
}
static int has_flag(const void* start, const char* flag) {
  static char text[1 << 18];
  char head[64];
  must(slurp("/proc/self/smaps", text, sizeof text));
  snprintf(head, sizeof head, "%08lx-", (long)start);
  char* at = strstr(text, head);
  at = at ? strstr(at, "VmFlags:") : NULL;
  if (!at) return -1;
  *strchr(at, '\n') = 0;
  return strstr(at, flag) != NULL;
}
static long status(const char* name) {
  char text[8192], head[32];
  must(slurp("/proc/self/status", text, sizeof text));
  snprintf(head, sizeof head, "\n%s:", name);
  char* at = strstr(text, head);
  return at ? strtol(at + strlen(head), NULL, 10) : -1;
}
static char* map(int pages, int flags, int file) {
  char* memory = mmap(NULL, (size_t)pages * page, PROT_READ | PROT_WRITE, flags, file, 0);
  must(memory != MAP_FAILED);
  return memory;
}
// With a page that is not mapped at either end, so that nothing joins it.
static char* map_alone(int pages) {
  char* memory = map(pages + 2, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  must(munmap(memory, page));
  must(munmap(memory + (pages + 1) * page, page));
  return memory + page;
}
static void touch(char* memory, int pages) {
  for (int i = 0; i < pages; ++i) memory[i * page] = 1;
}

static void alone(void) {
  char* memory = map_alone(8);
  pid_t self = getpid();
  equal("size", figure(self, memory, "Size"), 32);
  equal("page size", figure(self, memory, "KernelPageSize"), 4);
  equal("untouched", figure(self, memory, "Rss"), 0);
  touch(memory, 5);
  equal("resident", figure(self, memory, "Rss"), 20);
  equal("share", figure(self, memory, "Pss"), 20);
  equal("dirty share", figure(self, memory, "Pss_Dirty"), 20);
  equal("private", figure(self, memory, "Private_Dirty"), 20);
  equal("anonymous", figure(self, memory, "Anonymous"), 20);
  equal("referenced", figure(self, memory, "Referenced"), 20);
  equal("not locked", figure(self, memory, "Locked"), 0);
  must(mlock(memory, 8 * page));
  equal("locked, all in", figure(self, memory, "Locked"), 32);
  equal("flag", has_flag(memory, " lo"), 1);
  equal("VmLck", status("VmLck"), 32);
  must(munlock(memory, 8 * page));
  must(madvise(memory, page, MADV_DONTNEED));
  equal("one less", figure(self, memory, "Rss"), 28);
  equal("writable", has_flag(memory, " wr"), 1);
  must(madvise(memory, 8 * page, MADV_DONTFORK));
  equal("not inherited", has_flag(memory, " dc"), 1);
  must(munmap(memory, 8 * page));
  equal("gone", figure(self, memory, "Rss"), -1);
}

static void family(void) {
  char* memory = map_alone(6);
  touch(memory, 6);
  struct gate first = gate_make(), second = gate_make(), end = gate_make();
  pid_t child = must(fork());
  if (child == 0) {
    gate_wait(first);
    pid_t self = getpid();
    memory[0] = 2;
    equal("child: own", figure(self, memory, "Private_Dirty"), 4);
    equal("child: shared", figure(self, memory, "Shared_Dirty"), 20);
    equal("child: share", figure(self, memory, "Pss"), 4 + 20 / 2);
    pid_t grandchild = must(fork());
    if (grandchild == 0) {
      equal("grandchild: nothing of its own", figure(getpid(), memory, "Private_Dirty"), 0);
      equal("grandchild: share", figure(getpid(), memory, "Pss"), 4 / 2 + 20 / 3);
      gate_open(second);
      gate_wait(end);
      _exit(check_failures);
    }
    exits("grandchild", grandchild, 0);
    _exit(check_failures);
  }
  equal("parent: shared", figure(getpid(), memory, "Shared_Dirty"), 24);
  equal("parent: half", figure(getpid(), memory, "Pss"), 12);
  gate_open(first);
  gate_wait(second);
  equal("parent: own again", figure(getpid(), memory, "Private_Dirty"), 4);
  equal("parent: of three", figure(getpid(), memory, "Pss"), 4 + 20 / 3);
  gate_open(end);
  exits("child", child, 0);
  equal("alone again", figure(getpid(), memory, "Private_Dirty"), 24);
  must(munmap(memory, 6 * page));
}

static void objects(void) {
  int file = must(memfd_create("file", 0));
  must(ftruncate(file, 4 * page));
  char* one = map(4, MAP_SHARED, file);
  touch(one, 4);
  pid_t self = getpid();
  equal("object", figure(self, one, "Pss"), 16);
  equal("is not anonymous", figure(self, one, "Anonymous"), 0);
  equal("shared flag", has_flag(one, " sh"), 1);
  char* two = map(4, MAP_PRIVATE, file);
  volatile char sum = two[0];
  sum += two[page], sum += two[2 * page], sum += two[3 * page];
  two[page] = 2;
  equal("a copy", figure(self, two, "Anonymous"), 4);
  equal("second view", figure(self, two, "Rss"), 16);
  struct gate end = gate_make();
  pid_t child = must(fork());
  if (child == 0) {
    touch(one, 4);
    gate_wait(end);
    _exit(0);
  }
  equal("with a child", figure(self, two, "Shared_Dirty") + figure(self, two, "Shared_Clean"), 16);
  gate_open(end);
  exits("child of it", child, 0);
  must(munmap(one, 4 * page));
  must(munmap(two, 4 * page));
}

static void sums(void) {
  static char text[1 << 18];
  must(slurp("/proc/self/smaps", text, sizeof text));
  long sizes = 0, mappings = 0;
  for (char* at = text; (at = strstr(at, "\nSize:")); ++at)
    sizes += strtol(at + 6, NULL, 10), ++mappings;
  if (strstr(text, "[vsyscall]")) sizes -= 4;  // is nobody's
  ok("several mappings", mappings > 4);
  equal("VmSize is their sum", status("VmSize") - sizes, 0);
  ok("a sum of what is resident", figure(getpid(), NULL, "Rss") > 0);
  equal("its kinds",
        labs(figure(getpid(), NULL, "Pss_Anon") + figure(getpid(), NULL, "Pss_File") +
             figure(getpid(), NULL, "Pss_Shmem") - figure(getpid(), NULL, "Pss")) < 3,
        1);
  long data = status("VmData"), peak = status("VmPeak");
  char* memory = map(64, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  equal("VmData", status("VmData") - data, 256);
  must(munmap(memory, 64 * page));
  equal("and back", status("VmData"), data);
  ok("VmPeak", status("VmPeak") >= peak && status("VmPeak") >= status("VmSize"));
  equal("VmPin", status("VmPin"), 0);
  equal("a static program has no libraries", status("VmLib") <= 8, 1);
  ok("code", status("VmExe") > 0);
  ok("stack", status("VmStk") > 0);
  ok("tables", status("VmPTE") > 0);
}

// Whether huge pages may come, where the system has them for those who ask.
static void huge_pages(void) {
  pid_t self = getpid();
  char *memory = map_alone(3 * 512), *small = map_alone(256);
  must(madvise(memory, 3 * 512 * page, MADV_HUGEPAGE));
  must(madvise(small, 256 * page, MADV_HUGEPAGE));
  equal("asked for", figure(self, memory, "THPeligible"), 1);
  equal("no room for one", figure(self, small, "THPeligible"), 0);
  must(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
  equal("switched off", figure(self, memory, "THPeligible"), 0);
  must(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0));
  must(madvise(memory, 3 * 512 * page, MADV_NOHUGEPAGE));
  equal("asked against", figure(self, memory, "THPeligible"), 0);
}

// Lines of any length of number; a mapping of much room and little in it.
static void large(void) {
  size_t length = (size_t)1 << 40;
  char* memory = mmap(NULL, length, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  must(memory == MAP_FAILED ? -1 : 0);
  memory[0] = memory[length / 2] = memory[length - 1] = 1;
  equal("a TiB", figure(getpid(), memory, "Size"), 1 << 30);
  equal("with three pages", figure(getpid(), memory, "Rss"), 12);
  must(munmap(memory, length));
}

// More than anybody would keep in one piece: all are shown, once each.
static void many(void) {
  enum { mappings = 8000 };
  char* memory = map(mappings, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  for (int i = 0; i < mappings; i += 2) must(mprotect(memory + i * page, page, PROT_READ));
  static char text[1 << 16];
  for (int file = 0; file < 2; ++file) {
    FILE* lines = fopen(file ? "/proc/self/smaps" : "/proc/self/maps", "r");
    int seen = 0;
    unsigned long start;
    char end;
    while (fgets(text, sizeof text, lines)) {
      if (sscanf(text, "%lx%c", &start, &end) != 2 || end != '-') continue;
      seen += seen < mappings && start == (unsigned long)memory + (unsigned long)seen * page;
    }
    fclose(lines);
    equal(file ? "in smaps" : "in maps", seen, mappings);
  }
  must(munmap(memory, mappings * page));
}

int main(void) {
  alone();
  family();
  objects();
  sums();
  huge_pages();
  large();
  many();
  return finish();
}
