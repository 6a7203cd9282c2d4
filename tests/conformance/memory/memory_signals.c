// SPDX-License-Identifier: MIT
//
// What a bad access becomes: signal, si_code and si_addr, for each reason there is.
#include <setjmp.h>

#include "check.h"

enum { page = 4096 };
static sigjmp_buf back;
static siginfo_t seen;

static void caught(int number, siginfo_t* info, void* context) {
  (void)number, (void)context;
  seen = *info;
  siglongjmp(back, 1);
}
enum access { reading, writing, running };
// Checks what `how` at `at` leads to; signal 0: nothing.
static void expect(const char* label, char* at, enum access how, int number, int code) {
  memset(&seen, 0, sizeof seen);
  if (sigsetjmp(back, 1) == 0) {
    if (how == reading) (void)*(volatile char*)at;
    if (how == writing) *(volatile char*)at = 1;
    if (how == running) ((void (*)(void))(uintptr_t)at)();
  }
  if (seen.si_signo != number || (number && (seen.si_code != code || seen.si_addr != at))) {
    say("%s: MISMATCH signal %d code %d address off by %ld\n", label, seen.si_signo, seen.si_code,
        (long)seen.si_addr - (long)at);
    ++check_failures;
  } else {
    ok(label, 1);
  }
}
static char* map(int pages, int rights, int flags, int file) {
  char* memory = mmap(NULL, (size_t)pages * page, rights, flags, file, 0);
  must(memory != MAP_FAILED);
  return memory;
}
static char* anonymous(int rights) { return map(1, rights, MAP_PRIVATE | MAP_ANONYMOUS, -1); }

static void mappings(void) {
  char* hole = map(3, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1) + page;
  must(munmap(hole, page));
  expect("null", NULL, reading, SIGSEGV, SEGV_MAPERR);
  expect("near null", (char*)8, writing, SIGSEGV, SEGV_MAPERR);
  expect("hole, read", hole + 123, reading, SIGSEGV, SEGV_MAPERR);
  expect("hole, write", hole + 123, writing, SIGSEGV, SEGV_MAPERR);
  expect("hole, run", hole + 128, running, SIGSEGV, SEGV_MAPERR);
  expect("the kernel's half", (char*)0xffff800000001000, reading, SIGSEGV, SEGV_MAPERR);
  char* none = anonymous(PROT_NONE);
  expect("no rights, read", none + 1, reading, SIGSEGV, SEGV_ACCERR);
  expect("no rights, write", none + 2, writing, SIGSEGV, SEGV_ACCERR);
  char* readable = anonymous(PROT_READ);
  expect("read-only, read", readable, reading, 0, 0);
  expect("read-only, write", readable + 9, writing, SIGSEGV, SEGV_ACCERR);
  expect("not executable", readable, running, SIGSEGV, SEGV_ACCERR);
  char* data = anonymous(PROT_READ | PROT_WRITE);
  data[0] = (char)0xc3;
  expect("data, run", data, running, SIGSEGV, SEGV_ACCERR);
  must(mprotect(data, page, PROT_READ | PROT_EXEC));
  expect("executable", data, running, 0, 0);
  expect("executable, write", data + 7, writing, SIGSEGV, SEGV_ACCERR);
  must(mprotect(data, page, PROT_WRITE));
  expect("write implies read", data, reading, 0, 0);
}

static void non_canonical(void) {
  memset(&seen, 0, sizeof seen);
  if (sigsetjmp(back, 1) == 0) (void)*(volatile char*)0x8000000000001000;
  equal("non-canonical", seen.si_signo, SIGSEGV);
  equal("its code", seen.si_code, SI_KERNEL);
  equal("has no address", (long)seen.si_addr, 0);
}

static void files(void) {
  int file = must(memfd_create("file", 0));
  must(ftruncate(file, page + 100));
  char* shared = map(4, PROT_READ | PROT_WRITE, MAP_SHARED, file);
  char* private = map(4, PROT_READ | PROT_WRITE, MAP_PRIVATE, file);
  expect("behind the end, same page", shared + page + 200, writing, 0, 0);
  expect("next page", shared + 2 * page + 5, reading, SIGBUS, BUS_ADRERR);
  expect("next page, write", shared + 2 * page + 5, writing, SIGBUS, BUS_ADRERR);
  expect("next page, private", private + 3 * page, writing, SIGBUS, BUS_ADRERR);
  must(ftruncate(file, 4 * page));
  expect("grown", shared + 2 * page + 5, writing, 0, 0);
  private[3 * page] = 'c';
  must(ftruncate(file, page));
  expect("cut", shared + 2 * page, reading, SIGBUS, BUS_ADRERR);
  expect("a copy as well", private + 3 * page, reading, SIGBUS, BUS_ADRERR);
  equal("zeros behind the cut", (must(ftruncate(file, 2 * page)), shared[page + 100]), 0);
  int reader = must(open("/proc/self/exe", O_RDONLY));
  char* text = map(1, PROT_READ, MAP_SHARED, reader);
  expect("read-only file", text, writing, SIGSEGV, SEGV_ACCERR);
}

static void in_the_kernel(void) {
  char* none = anonymous(PROT_NONE);
  int ends[2];
  must(pipe(ends));
  fails("write from no rights", write(ends[1], none, 10), EFAULT);
  char* memory = map(2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  must(mprotect(memory + page, page, PROT_NONE));
  must(write(ends[1], "0123456789", 10));
  equal("read, cut at its end", read(ends[0], memory + page - 4, 10) <= 4, 1);
  int file = must(memfd_create("file", 0));
  must(ftruncate(file, page));
  char* shared = map(2, PROT_READ | PROT_WRITE, MAP_SHARED, file);
  fails("behind a file's end", write(ends[1], shared + page, 1), EFAULT);
  equal("no signal came", seen.si_signo, SIGSEGV);
}

int main(void) {
  struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};
  must(sigaction(SIGSEGV, &action, NULL));
  must(sigaction(SIGBUS, &action, NULL));
  mappings();
  non_canonical();
  files();
  expect("last", NULL, writing, SIGSEGV, SEGV_MAPERR);
  in_the_kernel();
  return finish();
}
