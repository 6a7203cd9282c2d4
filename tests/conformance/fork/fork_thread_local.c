// SPDX-License-Identifier: MIT
// CONTRACT: A19 E80
//
// The thread pointer is inherited: __thread variables are readable in the child and private.
#include "check.h"

#include <sys/auxv.h>

static __thread int value = 41;

// GS, which libraries leave alone: set without the kernel's help right before the call, where the
// processor and the kernel allow it.
static int child_has_live_base(uint64_t base) {
  enum { fsgsbase = 2 };
  if (!(getauxval(AT_HWCAP2) & fsgsbase)) return 1;
  pid_t child;
  uint64_t seen = 0;
  __asm__ volatile("wrgsbase %2\n\tmovl $57, %%eax\n\tsyscall\n\trdgsbase %1"
                   : "=&a"(child), "=r"(seen)
                   : "r"(base)
                   : "rcx", "r11", "memory");
  if (child == 0) _exit(seen == base ? 7 : 1);
  int status = 0;
  return waitpid(must(child), &status, 0) == child && status == 7 << 8 && seen == base;
}

int main(void) {
  value++;
  pid_t child = must(fork());
  if (child == 0) {
    equal("value at fork", value, 42);
    value = 99;
    _exit(check_failures);
  }
  exits("child", child, 0);
  equal("parent's value", value, 42);
  uint64_t base = 0, child_base = 0;
  must(syscall(SYS_arch_prctl, 0x1003, &base));
  ok("FS base is set", base != 0);
  child = must(fork());
  if (child == 0) {
    must(syscall(SYS_arch_prctl, 0x1003, &child_base));
    ok("FS base equal in child", child_base == base);
    _exit(check_failures);
  }
  exits("child", child, 0);
  ok("GS base as it was an instruction before", child_has_live_base(0x12345000));
  fails("non-canonical FS base", syscall(SYS_arch_prctl, 0x1002, 0x8000000000000000UL), EPERM);
  fails("unknown arch_prctl", syscall(SYS_arch_prctl, 0x1, 0), EINVAL);
  return finish();
}
