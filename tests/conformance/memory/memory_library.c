// SPDX-License-Identifier: MIT
//
// A file that is mapped as ld.so maps a library, again and again: headers, code, constants and
// data, one behind the other (mmap(2), MAP_PRIVATE). Kernels may keep page tables of one run for
// the next, or choose addresses for that. Nobody may notice: each run sees the file as it is, and
// what one changes of its memory is its own affair.
#include <setjmp.h>
#include <sys/personality.h>

#include "check.h"

enum { page = 4096, headers = 30, code = 120, constants = 40, data = 10 };
enum { code_at = headers, constants_at = code_at + code, data_at = constants_at + constants };
enum { all = data_at + data, runs = 5 };

static const char path[] = "library";

// Each page begins with its number and ends with an instruction that returns.
static void write_file(long add) {
  static unsigned char bytes[all * page];
  for (long i = 0; i < all; ++i) {
    const long number = i + add;
    memcpy(bytes + i * page, &number, sizeof number);
    bytes[i * page + page - 1] = 0xc3;
  }
  spill(path, bytes, sizeof bytes, 0644);
}

static char* map_part(char* image, int fd, int first, int count, int protection) {
  char* const at = image + first * page;
  must(mmap(at, count * page, protection, MAP_PRIVATE | MAP_FIXED, fd, first * page) == at ? 0
                                                                                           : -1);
  return at;
}

static char* load(void) {
  const int fd = must(open(path, O_RDONLY));
  char* const image = mmap(NULL, all * page, PROT_READ, MAP_PRIVATE, fd, 0);
  must(image == MAP_FAILED ? -1 : 0);
  map_part(image, fd, code_at, code, PROT_READ | PROT_EXEC);
  map_part(image, fd, constants_at, constants, PROT_READ);
  map_part(image, fd, data_at, data, PROT_READ | PROT_WRITE);
  close(fd);
  return image;
}

static long number_in(const char* image, int index) {
  long number;
  memcpy(&number, image + index * page, sizeof number);
  return number;
}

static int has_numbers(const char* image, int first, int end, long add) {
  for (int i = first; i < end; ++i) {
    if (number_in(image, i) != i + add) return 0;
  }
  return 1;
}

static sigjmp_buf back;
static void jump_back(int number) { siglongjmp(back, number); }
enum access { reads, writes, executes };

// The signal that an access to a page meets; 0: none.
static int signal_of(char* image, int index, enum access access) {
  volatile char* const at = image + index * page;
  const int number = sigsetjmp(back, 1);
  if (number != 0) return number;
  if (access == executes) {
    ((void (*)(void))(uintptr_t)(at + page - 1))();
  } else if (access == writes) {
    *at = 1;
  } else {
    (void)*at;
  }
  return 0;
}

static void check_image(char* image) {
  ok("every page shows the file's", has_numbers(image, 0, all, 0));
  equal("headers are not executable", signal_of(image, headers - 1, executes), SIGSEGV);
  equal("code is", signal_of(image, code_at, executes), 0);
  equal("to its last page", signal_of(image, constants_at - 1, executes), 0);
  equal("constants are not", signal_of(image, constants_at, executes), SIGSEGV);
  equal("code cannot be written", signal_of(image, code_at + 1, writes), SIGSEGV);
  equal("constants cannot be", signal_of(image, data_at - 1, writes), SIGSEGV);
  memset(image + data_at * page, 0x5a, data * page);
  ok("data can, and changes nothing else", has_numbers(image, 0, data_at, 0));
}

// In processes of their own, some of which live while the next come.
static void runs_see_the_file(void) {
  pid_t pids[runs];
  const struct gate leave = gate_make();
  for (int i = 0; i < runs; ++i) {
    const struct gate ready = gate_make();
    pids[i] = must(fork());
    if (pids[i] == 0) {
      char* const image = load();
      check_image(image);
      gate_open(ready);
      gate_wait(leave);
      _exit(check_failures + !has_numbers(image, 0, data_at, 0));
    }
    gate_wait(ready);
  }
  for (int i = 0; i < runs; ++i) gate_open(leave);
  for (int i = 0; i < runs; ++i) exits("a run", pids[i], 0);
}

static void parts_change(void) {
  char* const kept = load();
  char* const image = load();
  equal("mprotect", mprotect(image + 40 * page, page, PROT_READ | PROT_WRITE), 0);
  equal("writing to what was code", signal_of(image, 40, writes), 0);
  ok("changes it", number_in(image, 40) != 40);
  equal("the other mapping's is the file's", number_in(kept, 40), 40);
  equal("munmap", munmap(image + 50 * page, 2 * page), 0);
  equal("what is unmapped is gone", signal_of(image, 51, reads), SIGSEGV);
  equal("madvise", madvise(image + 40 * page, page, MADV_DONTNEED), 0);
  equal("a discarded change is gone", number_in(image, 40), 40);
  char* const moved =
      mremap(image + 60 * page, page, page, MREMAP_MAYMOVE | MREMAP_FIXED, image + 50 * page);
  ok("mremap", moved == image + 50 * page);
  equal("a moved page is where it should be", number_in(image, 50), 60);
  equal("and not where it was", signal_of(image, 60, reads), SIGSEGV);
  equal("mlock", mlock(image + 70 * page, 4 * page), 0);
  unsigned char resident[4] = {0};
  equal("mincore", mincore(image + 70 * page, sizeof resident * page, resident), 0);
  ok("locked pages are resident", resident[0] & resident[1] & resident[2] & resident[3] & 1);
  ok("the rest is as it was", has_numbers(image, 61, data_at, 0));
  ok("all of the other mapping too", has_numbers(kept, 0, all, 0));
  const pid_t pid = must(fork());
  if (pid == 0) {
    ok("a child sees the same", has_numbers(kept, 0, all, 0));
    must(mprotect(kept, all * page, PROT_READ | PROT_WRITE));
    memset(kept, 0, all * page);
    _exit(check_failures);
  }
  exits("a child that overwrites all", pid, 0);
  ok("writes to its own", has_numbers(kept, 0, all, 0));
  must(munmap(kept, all * page));
  must(munmap(image, all * page));
}

static void file_changes(void) {
  char* const old = load();
  const int fd = must(open(path, O_RDWR));
  const long number = 4711;
  must(pwrite(fd, &number, sizeof number, 100 * page));
  equal("a write to the file shows", number_in(old, 100), number);
  char* image = load();
  equal("in a new mapping too", number_in(image, 100), number);
  must(ftruncate(fd, 80 * page));
  equal("the last page that is left", signal_of(image, 79, reads), 0);
  equal("a page that is gone", signal_of(image, 80, reads), SIGBUS);
  equal("and in the old mapping", signal_of(old, 100, reads), SIGBUS);
  equal("code that is gone", signal_of(old, 101, executes), SIGBUS);
  must(ftruncate(fd, all * page));
  equal("a page that came back is empty", number_in(image, 100), 0);
  image = load();
  equal("for a new mapping as well", number_in(image, 100), 0);
  ok("what was not cut off is there", has_numbers(image, 0, 80, 0));
  close(fd);

  must(unlink(path));
  write_file(1000);
  for (int i = 0; i < 3; ++i) {
    char* const other = load();
    ok("a new file of the name shows its own", has_numbers(other, 0, all, 1000));
  }
  ok("and the old mapping the old one's", has_numbers(image, 0, 80, 0));
}

static void places_that_were_asked_for(void) {
  const int fd = must(open(path, O_RDONLY));
  char* const free_place = mmap(NULL, all * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must(munmap(free_place, all * page));
  char* image = mmap(free_place, all * page, PROT_READ, MAP_PRIVATE, fd, 0);
  ok("a hint is followed", image == free_place);
  fails("a taken place", mmap(image, page, PROT_READ, MAP_PRIVATE | MAP_FIXED_NOREPLACE, fd, 0),
        EEXIST);
  image = mmap(NULL, all * page, PROT_READ, MAP_PRIVATE | MAP_32BIT, fd, 0);
  ok("the first 2 GiB", (uintptr_t)image < 1ul << 31);
  close(fd);
}

// Run by exec where addresses are not random: tells where a library and the stack come to lie.
static int tell_places(void) {
  char* const image = load();
  char local = 0;
  const uintptr_t places[] = {(uintptr_t)image, (uintptr_t)load(), (uintptr_t)&local};
  return write(1, places, sizeof places) != sizeof places;
}

static void places_that_repeat(char* self) {
  uintptr_t first[3] = {0};
  for (int i = 0; i < runs; ++i) {
    int ends[2];
    must(pipe(ends));
    const pid_t pid = must(fork());
    if (pid == 0) {
      must(personality(ADDR_NO_RANDOMIZE));
      must(dup2(ends[1], 1));
      must(execl(self, self, "tell", NULL));
    }
    uintptr_t places[3] = {0};
    must(read(ends[0], places, sizeof places) == sizeof places ? 0 : -1);
    close(ends[0]);
    close(ends[1]);
    exits("a run without random addresses", pid, 0);
    if (i == 0) memcpy(first, places, sizeof first);
    ok("has those of the first", memcmp(first, places, sizeof first) == 0);
  }
}

int main(int argument_count, char** arguments) {
  if (argument_count == 2) return tell_places();
  handle(SIGSEGV, jump_back, 0);
  handle(SIGBUS, jump_back, 0);
  write_file(0);
  runs_see_the_file();
  parts_change();
  file_changes();
  places_that_were_asked_for();
  places_that_repeat(arguments[0]);
  unlink(path);
  return finish();
}
