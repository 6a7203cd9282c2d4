// SPDX-License-Identifier: MIT
//
// Processes that sleep for seconds, longer than it takes Tine to fold their page tables
// (kernel/mm/fold.cpp): what others see of them meanwhile, what others do to them (reading and
// writing their memory, truncating their files, killing them), and that all is there when they wake.
#include <setjmp.h>
#include <sys/uio.h>

#include "check.h"

enum { page = 4096 };

static char* private_memory;  // four pages, as is
static char* file_memory;     // four pages of a file that loses its last two

static sigjmp_buf after_fault;
static void leave_fault(int number) { siglongjmp(after_fault, number); }
// The signal that a load gives; 0: none.
static int fault_at(volatile char* at) {
  signal(SIGBUS, leave_fault);
  signal(SIGSEGV, leave_fault);
  int number = sigsetjmp(after_fault, 1);
  if (number == 0) (void)*at;
  return number;
}

// A figure of /proc/PID/smaps, in KiB, for the mapping that begins at `start`.
static long smaps_of(pid_t pid, const void* start, const char* key) {
  static char text[64 * 1024];
  char path[64], wanted[32];
  snprintf(path, sizeof path, "/proc/%d/smaps", pid);
  snprintf(wanted, sizeof wanted, "%lx-", (unsigned long)start);
  must(slurp(path, text, sizeof text));
  char* mapping = strstr(text, wanted);
  char* line = mapping != NULL ? strstr(mapping, key) : NULL;
  return line != NULL ? atol(line + strlen(key)) : -1;
}

static void sleep_long(void) {
  struct timespec left = {.tv_sec = 2, .tv_nsec = 500 * 1000 * 1000};
  while (nanosleep(&left, &left) != 0) continue;
}

static void live_as_sleeper(struct gate asleep, struct gate leave) {
  private_memory[0] = 'c';
  file_memory[page] = file_memory[2 * page] = 'f';
  must(mprotect(private_memory + page, page, PROT_NONE));
  gate_open(asleep);
  gate_wait(leave);
  equal("what it wrote", private_memory[0], 'c');
  equal("what it inherited", private_memory[3 * page], 'p');
  equal("what another wrote", private_memory[2 * page], 'w');
  equal("still forbidden", fault_at(private_memory + page), SIGSEGV);
  equal("the file's first page", file_memory[0], 'f');
  equal("the file's end", fault_at(file_memory + 2 * page), SIGBUS);
  must(mprotect(private_memory + page, page, PROT_READ));
  equal("behind what was forbidden", private_memory[page], 'p');
  _exit(check_failures);
}

// Wakes up only to fork, and shares all with its child.
static void live_as_parent(struct gate speak) {
  sleep_long();
  pid_t child = must(fork());
  if (child == 0) {
    gate_wait(speak);
    equal("a sleeper's child", private_memory[3 * page], 'p');
    private_memory[3 * page] = 'x';
    _exit(check_failures);
  }
  exits("a sleeper's child ends", child, 0);
  equal("its parent's memory", private_memory[3 * page], 'p');
  _exit(check_failures);
}

int main(void) {
  private_memory = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int index = 0; index < 4; index++) private_memory[index * page] = 'p';
  int file = (int)must(memfd_create("file", 0));
  must(ftruncate(file, 4 * page));
  file_memory = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  for (int index = 0; index < 4; index++) file_memory[index * page] = 'f';
  struct gate asleep = gate_make(), leave = gate_make(), speak = gate_make();
  pid_t sleeper = must(fork());
  if (sleeper == 0) live_as_sleeper(asleep, leave);
  pid_t parent = must(fork());
  if (parent == 0) live_as_parent(speak);
  pid_t victim = must(fork());
  if (victim == 0) {
    private_memory[0] = 'v';
    for (;;) pause();
  }
  gate_wait(asleep);
  sleep_long();

  equal("asleep", stat_field(sleeper, 3), 'S');
  char buffer[2 * page];
  struct iovec local = {buffer, page}, remote = {private_memory, page};
  equal("read a sleeper", process_vm_readv(sleeper, &local, 1, &remote, 1, 0), page);
  equal("its own page", buffer[0], 'c');
  remote.iov_base = private_memory + 3 * page;
  equal("read what it shares", process_vm_readv(sleeper, &local, 1, &remote, 1, 0), page);
  equal("our page", buffer[0], 'p');
  remote.iov_base = private_memory + page;
  fails("what it may not read", process_vm_readv(sleeper, &local, 1, &remote, 1, 0), EFAULT);
  equal("resident", smaps_of(sleeper, private_memory, "Rss:"), 4);
  equal("private", smaps_of(sleeper, private_memory, "Private_Dirty:"), 4);
  equal("resident of the file", smaps_of(sleeper, file_memory, "Rss:") >= 8, 1);
  must(ftruncate(file, 2 * page));
  equal("fewer of the file", smaps_of(sleeper, file_memory, "Rss:") <= 8, 1);
  struct iovec byte = {"w", 1}, target = {private_memory + 2 * page, 1};
  equal("write to a sleeper", process_vm_writev(sleeper, &byte, 1, &target, 1, 0), 1);
  equal("not to us", private_memory[2 * page], 'p');
  must(kill(victim, SIGKILL));
  killed_by("killed asleep", victim, SIGKILL);
  gate_open(leave);
  exits("sleeper", sleeper, 0);
  gate_open(speak);
  exits("sleeping parent", parent, 0);
  return finish();
}
