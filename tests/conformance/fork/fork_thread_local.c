// SPDX-License-Identifier: MIT
// CONTRACT: A19 E80
//
// The thread pointer is inherited: __thread variables are readable in the child and private.
#include "check.h"

static __thread int value = 41;

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
  fails("non-canonical FS base", syscall(SYS_arch_prctl, 0x1002, 0x8000000000000000UL), EPERM);
  fails("unknown arch_prctl", syscall(SYS_arch_prctl, 0x1, 0), EINVAL);
  return finish();
}
