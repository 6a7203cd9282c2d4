// SPDX-License-Identifier: MIT
//
// mlock, mlock2, munlock, mlockall, munlockall and MAP_LOCKED: what is counted in VmLck, the limit
// and the errors of one without CAP_IPC_LOCK, and that a child has no locks.
#include <sys/resource.h>

#include "resident.h"

#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif
#ifndef MCL_ONFAULT
#define MCL_ONFAULT 4
#endif

static char* map(int pages, int flags) {
  // The C library would change some errors.
  return (char*)syscall(SYS_mmap, NULL, (size_t)pages * page, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}
static long locked(void) {
  char text[8192];
  must(slurp("/proc/self/status", text, sizeof text));
  return strtol(strstr(text, "VmLck:") + 6, NULL, 10) / 4;
}
static long lock2(void* at, size_t length, int flags) {
  return syscall(SYS_mlock2, at, length, flags);
}

static void calls(void) {
  char* memory = map(8, 0);
  equal("lock", mlock(memory + 100, 2 * page), 0);
  equal("whole pages", locked(), 3);
  equal("are there", resident(memory, 8), 3);
  equal("again", mlock(memory, 3 * page), 0);
  equal("counts once", locked(), 3);
  equal("on fault", lock2(memory + 4 * page, 2 * page, MLOCK_ONFAULT), 0);
  equal("counts", locked(), 5);
  equal("but is not there", resident(memory + 4 * page, 2), 0);
  memory[4 * page] = 1;
  equal("until it is touched", resident(memory + 4 * page, 2), 1);
  fails("MADV_DONTNEED", madvise(memory, page, MADV_DONTNEED), EINVAL);
  fails("flags", lock2(memory, page, 2), EINVAL);
  equal("nothing", mlock(memory, 0), 0);
  fails("wraps around", mlock(memory, (size_t)-1 - page), EINVAL);
  must(munmap(memory + page, page));
  equal("unmapped", locked(), 4);
  fails("a hole", mlock(memory, 4 * page), ENOMEM);
  fails("unlock a hole", munlock(memory, 4 * page), ENOMEM);
  equal("none left but those on fault", munlock(memory + 2 * page, page), 0);
  equal("they are", locked(), 2);
  char* none = mmap(NULL, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  fails("without rights", mlock(none, page), ENOMEM);
  equal("counts all the same", locked(), 3);
  must(munlock(none, page));
  pid_t child = must(fork());
  if (child == 0) {
    equal("a child has none", locked(), 0);
    _exit(check_failures);
  }
  exits("child", child, 0);
  must(munmap(memory, 8 * page));
  equal("all gone", locked(), 0);
  char* at_once = map(4, MAP_LOCKED);
  equal("MAP_LOCKED", locked(), 4);
  equal("is there", resident(at_once, 4), 4);
  at_once = mremap(at_once, 4 * page, 6 * page, MREMAP_MAYMOVE);
  equal("mremap locks more", locked(), 6);
  equal("and brings it in", resident(at_once, 6), 6);
  must(munmap(at_once, 6 * page));
}

static void everything(void) {
  fails("no flags", mlockall(0), EINVAL);
  fails("unknown flags", mlockall(8), EINVAL);
  fails("ONFAULT alone", mlockall(MCL_ONFAULT), EINVAL);
  char* before = map(4, 0);
  equal("future", mlockall(MCL_FUTURE), 0);
  equal("not what there is", locked(), 0);
  char* after = map(4, 0);
  equal("the next", locked(), 4);
  equal("is there", resident(after, 4), 4);
  equal("current", mlockall(MCL_CURRENT), 0);
  ok("all", locked() >= 12 && resident(before, 4) == 4);
  long all = locked();
  char* third = map(4, 0);
  equal("future is over", locked(), all);
  equal("future, on fault", mlockall(MCL_FUTURE | MCL_ONFAULT), 0);
  char* fourth = map(4, 0);
  equal("counts", locked(), all + 4);
  equal("and is not there", resident(fourth, 4), 0);
  equal("none", munlockall(), 0);
  equal("is left", locked(), 0);
  char* fifth = map(4, 0);
  equal("nor later", locked(), 0);
  (void)third, (void)fifth;
}

static void limits(void) {
  struct rlimit limit = {8 * page, 8 * page};
  must(setrlimit(RLIMIT_MEMLOCK, &limit));
  char* memory = map(16, 0);
  equal("privilege has no limit", mlock(memory, 16 * page), 0);
  must(munlock(memory, 16 * page));
  pid_t child = must(fork());
  if (child == 0) {
    must(setuid(12345));
    equal("to the limit", mlock(memory, 8 * page), 0);
    fails("beyond", mlock(memory, 9 * page), ENOMEM);
    fails("elsewhere", mlock(memory + 8 * page, page), ENOMEM);
    equal("the same again", mlock(memory, 8 * page), 0);
    fails("MAP_LOCKED", (long)map(1, MAP_LOCKED), EAGAIN);
    must(munlock(memory, 4 * page));
    ok("MAP_LOCKED again", map(4, MAP_LOCKED) != MAP_FAILED);
    fails("mremap", (long)mremap(memory + 4 * page, 4 * page, 5 * page, MREMAP_MAYMOVE), EAGAIN);
    fails("all", mlockall(MCL_CURRENT), ENOMEM);
    equal("all of the future", mlockall(MCL_FUTURE), 0);
    fails("which cannot be", (long)map(1, 0), EAGAIN);
    limit.rlim_cur = 0;
    must(setrlimit(RLIMIT_MEMLOCK, &limit));
    must(munlockall());
    fails("limit 0", mlock(memory, page), EPERM);
    fails("limit 0, nothing", mlock(memory, 0), EPERM);
    fails("limit 0, all", mlockall(MCL_CURRENT), EPERM);
    fails("limit 0, MAP_LOCKED", (long)map(1, MAP_LOCKED), EPERM);
    equal("munlock is free", munlock(memory, page), 0);
    _exit(check_failures);
  }
  exits("without privilege", child, 0);
}

int main(void) {
  calls();
  everything();
  limits();
  return finish();
}
