// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// siginfo of kill, tgkill, SIGSEGV (map and access), SIGFPE, SIGILL, SIGTRAP, and the context.
#include <setjmp.h>
#include <ucontext.h>

#include "check.h"

static siginfo_t last;
static sigjmp_buf back;
static volatile int jump, skip;
static void on_signal(int number, siginfo_t* info, void* context) {
  (void)number;
  last = *info;
  ucontext_t* registers = context;
  if (skip != 0) {
    registers->uc_mcontext.gregs[REG_RIP] += skip;
    registers->uc_mcontext.gregs[REG_R12] = 1234;
  }
  if (jump) siglongjmp(back, 1);
}

static void catch (int number) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO;
  must(sigaction(number, &action, NULL));
}

int main(void) {
  int numbers[] = {SIGUSR1, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGBUS};
  for (size_t index = 0; index < sizeof numbers / sizeof *numbers; index++) catch (numbers[index]);
  must(kill(getpid(), SIGUSR1));
  ok("kill", last.si_code == SI_USER && last.si_pid == getpid() && last.si_uid == getuid());
  must(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1));
  equal("tgkill", last.si_code, SI_TKILL);
  jump = 1;
  if (sigsetjmp(back, 1) == 0) *(volatile int*)0x1230 = 1;
  ok("unmapped",
     last.si_signo == SIGSEGV && last.si_code == SEGV_MAPERR && last.si_addr == (void*)0x1230);
  char* page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (sigsetjmp(back, 1) == 0) *(volatile char*)(page + 5) = 1;
  ok("read-only",
     last.si_signo == SIGSEGV && last.si_code == SEGV_ACCERR && last.si_addr == page + 5);
  if (sigsetjmp(back, 1) == 0) ((void (*)(void))page)();
  ok("not executable",
     last.si_signo == SIGSEGV && last.si_code == SEGV_ACCERR && last.si_addr == page);
  if (sigsetjmp(back, 1) == 0) *(volatile char*)0x8000000000000000UL = 1;
  ok("non-canonical",
     last.si_signo == SIGSEGV && last.si_code == SI_KERNEL && last.si_addr == NULL);
  if (sigsetjmp(back, 1) == 0) *(volatile char*)0xffffffff80000000UL = 1;
  ok("kernel address", last.si_signo == SIGSEGV && last.si_code == SEGV_MAPERR);
  if (sigsetjmp(back, 1) == 0)
    __asm__ volatile("xor %%ecx, %%ecx; xor %%edx, %%edx; mov $1, %%eax; idiv %%ecx" ::
                         : "eax", "ecx", "edx");
  ok("divide", last.si_signo == SIGFPE && last.si_code == FPE_INTDIV);
  if (sigsetjmp(back, 1) == 0) __asm__ volatile("ud2");
  ok("undefined instruction", last.si_signo == SIGILL && last.si_code == ILL_ILLOPN);
  if (sigsetjmp(back, 1) == 0) __asm__ volatile("int3");
  ok("breakpoint", last.si_signo == SIGTRAP && last.si_code == SI_KERNEL);
  spill("data", "x", 1, 0644);
  int file = must(open("data", O_RDONLY));
  char* mapped = mmap(NULL, 8192, PROT_READ, MAP_SHARED, file, 0);
  if (sigsetjmp(back, 1) == 0) (void)*(volatile char*)(mapped + 4096);
  ok("beyond the file",
     last.si_signo == SIGBUS && last.si_code == BUS_ADRERR && last.si_addr == mapped + 4096);
  jump = 0;
  skip = 2;
  long value = 0;
  __asm__ volatile("xor %%r12d, %%r12d; ud2; mov %%r12, %0" : "=r"(value) : : "r12");
  equal("the handler changed the registers", value, 1234);
  return finish();
}
