// SPDX-License-Identifier: MIT
// CONTRACT: A16 E79 E84
//
// The child resumes behind the system call with the parent's registers; only rax differs (and rcx
// and r11, which the SYSCALL instruction itself overwrites).
#include "check.h"

struct registers {
  uint64_t rbx, rdx, rsi, rdi, rbp, r8, r9, r10, r12, r13, r14, r15, rax, flags, rsp_difference;
};

static void __attribute__((noinline)) fork_and_record(struct registers* out) {
  __asm__ volatile(
      "push %%rbx; push %%rbp\n"
      "push %[out]\n"
      "mov %%rsp, %%rax; push %%rax\n"
      "mov $0x1111, %%rbx; mov $0x2222, %%rdx; mov $0x3333, %%rsi; mov $0x4444, %%rdi\n"
      "mov $0x5555, %%rbp; mov $0x6666, %%r8; mov $0x7777, %%r9; mov $0x8888, %%r10\n"
      "mov $0x9999, %%r12; mov $0xaaaa, %%r13; mov $0xbbbb, %%r14; mov $0xcccc, %%r15\n"
      "std; stc\n"
      "mov $57, %%eax\n"
      "syscall\n"
      "pushfq; cld\n"
      "mov 16(%%rsp), %%rcx\n"
      "mov %%rbx, 0(%%rcx); mov %%rdx, 8(%%rcx); mov %%rsi, 16(%%rcx); mov %%rdi, 24(%%rcx)\n"
      "mov %%rbp, 32(%%rcx); mov %%r8, 40(%%rcx); mov %%r9, 48(%%rcx); mov %%r10, 56(%%rcx)\n"
      "mov %%r12, 64(%%rcx); mov %%r13, 72(%%rcx); mov %%r14, 80(%%rcx); mov %%r15, 88(%%rcx)\n"
      "mov %%rax, 96(%%rcx)\n"
      "pop %%rdx; mov %%rdx, 104(%%rcx)\n"
      "pop %%rdx; sub %%rsp, %%rdx; mov %%rdx, 112(%%rcx)\n"
      "add $8, %%rsp\n"
      "pop %%rbp; pop %%rbx\n"
      :
      : [out] "r"(out)
      : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
        "memory", "cc");
}

static void check_all(const char* who, const struct registers* seen) {
  char label[64];
  snprintf(label, sizeof label, "%s: argument registers", who);
  ok(label, seen->rdx == 0x2222 && seen->rsi == 0x3333 && seen->rdi == 0x4444 &&
                seen->r8 == 0x6666 && seen->r9 == 0x7777 && seen->r10 == 0x8888);
  snprintf(label, sizeof label, "%s: saved registers", who);
  ok(label, seen->rbx == 0x1111 && seen->rbp == 0x5555 && seen->r12 == 0x9999 &&
                seen->r13 == 0xaaaa && seen->r14 == 0xbbbb && seen->r15 == 0xcccc);
  snprintf(label, sizeof label, "%s: carry and direction flags", who);
  ok(label, (seen->flags & 0x401) == 0x401);
  snprintf(label, sizeof label, "%s: stack pointer", who);
  equal(label, (long)seen->rsp_difference, 0);
}

int main(void) {
  struct registers* seen = shared_memory(4096);
  struct registers local;
  fork_and_record(&local);
  if (local.rax == 0) {
    *seen = local;
    _exit(0);
  }
  exits("child", (pid_t)local.rax, 0);
  equal("child's rax", (long)seen->rax, 0);
  check_all("child", seen);
  check_all("parent", &local);
  return finish();
}
