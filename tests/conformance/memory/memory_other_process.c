// SPDX-License-Identifier: MIT
//
// process_vm_readv and process_vm_writev: several segments on both sides, short transfers at an
// address that cannot be accessed, memory that is still shared copy-on-write, and the errors.
#include <sys/uio.h>

#include "check.h"

enum { page = 4096 };

static ssize_t read_from(pid_t pid, void* to, void* from, size_t length) {
  struct iovec local = {to, length}, remote = {from, length};
  return process_vm_readv(pid, &local, 1, &remote, 1, 0);
}
static ssize_t write_to(pid_t pid, void* from, void* to, size_t length) {
  struct iovec local = {from, length}, remote = {to, length};
  return process_vm_writev(pid, &local, 1, &remote, 1, 0);
}

// How much is moved where either side ends in a hole: whole bytes up to it.
static void edges(void) {
  char* from = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char* hole = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must(munmap(hole + 2 * page, page));
  char* end = hole + 2 * page;
  const pid_t self = getpid();
  const struct {
    char* at;
    size_t offset;
    long moved;
  } cases[] = {{hole, 0, 2 * page},         {hole, 100, 2 * page},
               {hole + 7, 0, 2 * page - 7}, {hole + 300, 100, 2 * page - 300},
               {end - 1, page - 1, 1},      {end - 5, page - 2, 5}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    char label[40];
    snprintf(label, sizeof label, "hole, case %zu", i);
    char* at = cases[i].at;
    char* other = from + cases[i].offset;
    equal(label, read_from(self, at, other, 3 * page), cases[i].moved);
    equal(label, write_to(self, at, other, 3 * page), cases[i].moved);
    equal(label, read_from(self, other, at, 3 * page), cases[i].moved);
    equal(label, write_to(self, other, at, 3 * page), cases[i].moved);
  }
  fails("nothing into the hole", read_from(self, end, from, 1), EFAULT);
  fails("nothing out of it", write_to(self, end, from, 1), EFAULT);
}

int main(void) {
  edges();
  char* memory = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int index = 0; index < 4 * page; index++) memory[index] = (char)(index * 7);
  struct gate changed = gate_make(), leave = gate_make();
  pid_t child = must(fork());
  if (child == 0) {
    memory[0] = 'c';
    must(munmap(memory + 3 * page, page));
    must(mprotect(memory + 2 * page, page, PROT_READ));
    gate_open(changed);
    gate_wait(leave);
    equal("child sees what was written", memory[100], 'w');
    equal("across pages", memory[page - 1] == 'x' && memory[page] == 'x', 1);
    _exit(check_failures);
  }
  gate_wait(changed);
  char buffer[4 * page];
  equal("read one byte", read_from(child, buffer, memory, 1), 1);
  equal("it is the child's", buffer[0] == 'c' && memory[0] == 0, 1);
  equal("read across pages", read_from(child, buffer, memory + 10, 2 * page), 2 * page);
  equal("right bytes", memcmp(buffer, memory + 10, 2 * page), 0);
  equal("short at the hole", read_from(child, buffer, memory + page, 3 * page), 2 * page);
  fails("nothing at the hole", read_from(child, buffer, memory + 3 * page, 1), EFAULT);

  buffer[0] = 'w';
  equal("write a byte", write_to(child, buffer, memory + 100, 1), 1);
  equal("not ours", memory[100], (char)(100 * 7));
  memset(buffer, 'x', 2);
  equal("write across pages", write_to(child, buffer, memory + page - 1, 2), 2);
  equal("short at read-only memory", write_to(child, buffer, memory + 2 * page - 8, 16), 8);
  fails("not to read-only memory", write_to(child, buffer, memory + 2 * page, 1), EFAULT);

  struct iovec local[2] = {{buffer, 3}, {buffer + 100, 5}};
  struct iovec remote[3] = {{memory + 8, 2}, {memory + 16, 0}, {memory + 32, 6}};
  equal("segments", process_vm_readv(child, local, 2, remote, 3, 0), 8);
  equal("in order",
        !memcmp(buffer, memory + 8, 2) && buffer[2] == memory[32] &&
            !memcmp(buffer + 100, memory + 33, 5),
        1);
  equal("shorter side counts", process_vm_readv(child, local, 1, remote, 3, 0), 3);
  equal("nothing to do", process_vm_readv(child, local, 0, remote, 3, 0), 0);
  fails("flags", process_vm_readv(child, local, 1, remote, 1, 1), EINVAL);
  fails("too many", process_vm_readv(child, local, 1, remote, 1025, 0), EINVAL);
  fails("no such process", process_vm_readv(0x3fffffff, local, 1, remote, 1, 0), ESRCH);
  equal("itself", read_from(getpid(), buffer, memory, 8), 8);
  pid_t stranger = must(fork());
  if (stranger == 0) {
    must(setresuid(1234, 1234, 1234));
    fails("another user's process", read_from(child, buffer, memory, 1), EPERM);
    _exit(check_failures);
  }
  exits("stranger", stranger, 0);
  gate_open(leave);
  exits("child", child, 0);
  return finish();
}
