// SPDX-License-Identifier: MIT
//
// vm.overcommit_memory and its companions (proc_sys_vm(5)): what is refused in each mode, and that
// promised memory is counted to the page and comes back.
#include <sys/prctl.h>

#include "check.h"

enum { page = 4096, mib = 1 << 20 };
enum { guess, always, never };

static long meminfo(const char* name) {
  char text[8192], *at;
  must(slurp("/proc/meminfo", text, sizeof text));
  must(at = strstr(text, name));
  return strtol(at + strlen(name) + 1, NULL, 10);
}
static void set(const char* name, long value) {
  char path[64], text[32];
  snprintf(path, sizeof path, "/proc/sys/vm/%s", name);
  int file = must(open(path, O_WRONLY));
  must(write(file, text, (size_t)snprintf(text, sizeof text, "%ld\n", value)));
  must(close(file));
}
static long get(const char* name) {
  char path[64], text[32];
  snprintf(path, sizeof path, "/proc/sys/vm/%s", name);
  must(slurp(path, text, sizeof text));
  return strtol(text, NULL, 10);
}
static char* map(size_t size, int rights, int flags) {
  return mmap(NULL, size, rights, flags | MAP_ANONYMOUS, -1, 0);
}
static const int read_write = PROT_READ | PROT_WRITE;

static void settings(void) {
  equal("mode", get("overcommit_memory"), guess);
  equal("ratio", get("overcommit_ratio"), 50);
  equal("kbytes", get("overcommit_kbytes"), 0);
  equal("half of memory", labs(meminfo("CommitLimit") - meminfo("MemTotal") / 2) < 4, 1);
  set("overcommit_kbytes", 20000);
  equal("the other is off", get("overcommit_ratio"), 0);
  equal("limit in KiB", meminfo("CommitLimit"), 20000);
  set("overcommit_ratio", 80);
  equal("and back", get("overcommit_kbytes"), 0);
  int file = must(open("/proc/sys/vm/overcommit_memory", O_WRONLY));
  fails("no such mode", write(file, "3", 1), EINVAL);
  fails("nor this", write(file, "-1", 2), EINVAL);
  must(close(file));
}

static void refuses_the_obvious(size_t memory) {
  set("overcommit_memory", guess);
  fails("more than all", map(2 * memory, read_write, MAP_PRIVATE), ENOMEM);
  fails("shared as well", map(2 * memory, read_write, MAP_SHARED), ENOMEM);
  char* unreserved = map(2 * memory, read_write, MAP_PRIVATE | MAP_NORESERVE);
  equal("not with NORESERVE", unreserved != MAP_FAILED, 1);
  must(munmap(unreserved, 2 * memory));
  char* readable = map(2 * memory, PROT_READ, MAP_PRIVATE);
  equal("nor to read", readable != MAP_FAILED, 1);
  fails("made writable", mprotect(readable, 2 * memory, read_write), ENOMEM);
  equal("in part", mprotect(readable, mib, read_write), 0);
  must(munmap(readable, 2 * memory));
  char* parts[4];
  for (int i = 0; i < 4; ++i) {
    parts[i] = map(memory / 2, read_write, MAP_PRIVATE);
    equal("piece by piece", parts[i] != MAP_FAILED, 1);
  }
  for (int i = 0; i < 4; ++i) must(munmap(parts[i], memory / 2));
}

static void refuses_nothing(size_t memory) {
  set("overcommit_memory", always);
  char* large = map(4 * memory, read_write, MAP_PRIVATE);
  equal("four times memory", large != MAP_FAILED, 1);
  pid_t child = must(fork());
  if (child == 0) _exit(0);
  exits("forked", child, 0);
  must(munmap(large, 4 * memory));
}

static void counts(void) {
  long before = meminfo("Committed_AS");
  char* data = map(4 * mib, read_write, MAP_PRIVATE);
  equal("a mapping counts", meminfo("Committed_AS") - before, 4096);
  must(mprotect(data, mib, PROT_READ));
  data[2 * mib] = 1;
  must(munmap(data + 2 * mib, 2 * mib));
  equal("until it is unmapped", meminfo("Committed_AS") - before, 2048);
  data = mremap(data + mib, mib, 3 * mib, MREMAP_MAYMOVE);
  equal("grown", meminfo("Committed_AS") - before, 4096);
  char* object = map(mib, read_write, MAP_SHARED);
  equal("shared memory", meminfo("Committed_AS") - before, 5120);
  pid_t child = must(fork());
  if (child == 0) _exit(meminfo("Committed_AS") - before >= 4096 + 5120 ? 0 : 1);
  exits("a child's count too", child, 0);
  must(munmap(object, mib));
  int file = must(memfd_create("file", 0));
  must(ftruncate(file, 64 * mib));
  equal("a hole does not", meminfo("Committed_AS") - before, 4096);
  must(pwrite(file, "x", 1, 5 * mib));
  equal("a page does", meminfo("Committed_AS") - before, 4100);
  must(close(file));
  char* read_only = map(8 * mib, PROT_READ, MAP_PRIVATE);
  equal("nor what cannot be written", meminfo("Committed_AS") - before, 4096);
  must(mprotect(read_only, mib, read_write));
  equal("until it can", meminfo("Committed_AS") - before, 5120);
  must(munmap(read_only, 8 * mib));
  must(munmap(data, 3 * mib));
}

// With a limit so that `room` bytes are left for more.
static void limit_to(size_t room) {
  set("admin_reserve_kbytes", 0);
  set("user_reserve_kbytes", 0);
  set("overcommit_kbytes", meminfo("Committed_AS") + (long)(room / 1024));
}

static void fork_counts(void) {
  limit_to(16 * mib);
  char* data = map(8 * mib, read_write, MAP_PRIVATE);
  limit_to(8 * mib);
  fails("fork would promise too much", fork(), ENOMEM);
  equal("nothing is left of it", meminfo("CommitLimit") - meminfo("Committed_AS"), 8192);
  pid_t child = must(vfork());
  if (child == 0) _exit(0);
  exits("vfork promises nothing", child, 0);
  must(madvise(data, 4 * mib, MADV_DONTFORK));
  child = fork();
  if (child == 0) _exit(0);
  equal("DONTFORK does not count", child > 0, 1);
  if (child > 0) exits("its child", child, 0);
  must(munmap(data, 8 * mib));
}

static void refuses_beyond_the_limit(void) {
  set("overcommit_memory", never);
  limit_to(8 * mib);
  char* data = map(7 * mib, read_write, MAP_PRIVATE);
  equal("within", data != MAP_FAILED, 1);
  fails("beyond", map(2 * mib, read_write, MAP_PRIVATE), ENOMEM);
  fails("NORESERVE is ignored", map(2 * mib, read_write, MAP_PRIVATE | MAP_NORESERVE), ENOMEM);
  fails("shared", map(2 * mib, read_write, MAP_SHARED), ENOMEM);
  equal("to read", map(2 * mib, PROT_READ, MAP_PRIVATE) != MAP_FAILED, 1);
  equal("in place of another",
        mmap(data, 7 * mib, read_write, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0) == data, 1);
  fails("growing", (long)mremap(data, 7 * mib, 9 * mib, MREMAP_MAYMOVE), ENOMEM);
  void* end = sbrk(0);
  fails("the heap", (long)sbrk(2 * mib), ENOMEM);
  equal("which stays", sbrk(0) == end, 1);
  must(munmap(data, 7 * mib));
  equal("given back", meminfo("CommitLimit") - meminfo("Committed_AS"), 8192);
  int file = must(memfd_create("file", 0));
  char* view = mmap(NULL, 16 * mib, read_write, MAP_SHARED, file, 0);
  must(ftruncate(file, 16 * mib));
  limit_to(mib);
  static char block[64 * 1024];
  long written = 0, got;
  while ((got = write(file, block, sizeof block)) > 0) written += got;
  fails_with("a file's pages", got, errno, ENOSPC);
  // Linux counts in batches for each CPU and may go beyond by one.
  equal("up to the limit", written > mib - 64 * 1024 && written < 2 * mib, 1);
  pid_t child = must(vfork());
  if (child == 0) _exit(((volatile char*)view)[15 * mib]);
  killed_by("a fault", child, SIGBUS);
  must(ftruncate(file, 0));
  equal("a truncated file's", meminfo("CommitLimit") - meminfo("Committed_AS"), 1024);
  fork_counts();
}

int main(void) {
  size_t memory = (size_t)meminfo("MemTotal") * 1024;
  settings();
  refuses_the_obvious(memory);
  refuses_nothing(memory);
  counts();
  refuses_beyond_the_limit();
  set("overcommit_memory", guess);
  set("overcommit_ratio", 50);
  return finish();
}
