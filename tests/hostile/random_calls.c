// SPDX-License-Identifier: MIT
//
// Throws seeded random system calls at the kernel from unprivileged children: any number, any
// arguments, mixed from pointers good and bad, sizes, descriptors and flag-like bits. A child may
// die of it; the kernel must live, and the parent shows so at the end (fork, pipe, memory, files).
// The same seed makes the same calls. Bounds: so many rounds of so many calls, one second each,
// limits on memory, files and processes. Run it in a PID namespace: kill(-1) is among the calls.
//
//   random_calls SEED ROUNDS CALLS [root]      "root" keeps privileges, less what ends the machine
#include <poll.h>
#include <sys/resource.h>

#include "check.h"

static uint64_t state;
static uint64_t next_random(void) {  // splitmix64
  uint64_t value = (state += 0x9e3779b97f4a7c15);
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

static char* area;
static uint64_t argument(void) {
  uint64_t chance = next_random();
  switch (chance % 12) {
    case 0:
      return 0;
    case 1:
      return (uint64_t)-1;
    case 2:
      return next_random() % 16;
    case 3:
      return next_random() % 4096;
    case 4:
      return (uint64_t)area + next_random() % 16384;  // good, or running off the end
    case 5:
      return (uint64_t)area + (next_random() % 4) * 4096;  // at a page's start
    case 6:
      return (uint64_t)&state - next_random() % 256;  // the stack or data beside it
    case 7:
      return 0xffff800000000000 + next_random() % (1ULL << 46);
    case 8:
      return 1ULL << (next_random() % 64);
    case 9:
      return 0x7ffffffff000 - next_random() % 8192;
    case 10:
      return next_random() & 0xffffffff;
    default:
      return next_random();
  }
}

// Calls that a fuzzer must not make: those that only wait or end it for ever, and as root those
// that reach beyond the process (reboot, mounts, kernel modules, clocks, other processes).
static int allowed(long number, int root) {
  static const short never[] = {SYS_exit, SYS_exit_group, SYS_pause, SYS_vfork, SYS_rt_sigsuspend};
  static const short root_never[] = {
      SYS_reboot,       SYS_kexec_load,    SYS_init_module,   SYS_mount,       SYS_umount2,
      SYS_pivot_root,   SYS_chroot,        SYS_kill,          SYS_tkill,       SYS_tgkill,
      SYS_settimeofday, SYS_clock_settime, SYS_delete_module, SYS_setuid,      SYS_unlink,
      SYS_unlinkat,     SYS_rename,        SYS_renameat,      SYS_sethostname, SYS_swapoff,
      SYS_iopl};
  for (size_t index = 0; index < sizeof never / sizeof *never; index++) {
    if (number == never[index]) return 0;
  }
  if (!root) return 1;
  for (size_t index = 0; index < sizeof root_never / sizeof *root_never; index++) {
    if (number == root_never[index]) return 0;
  }
  return 1;
}

static void make_calls(int calls, int root) {
  struct rlimit space = {256 << 20, 256 << 20}, size = {1 << 20, 1 << 20}, processes = {40, 40};
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_AS, &space);
  setrlimit(RLIMIT_FSIZE, &size);
  setrlimit(RLIMIT_NPROC, &processes);
  setrlimit(RLIMIT_CORE, &none);
  setpgid(0, 0);
  int sink = open("/dev/null", O_RDWR);
  for (int descriptor = 0; descriptor < 3; descriptor++) dup2(sink, descriptor);
  if (!root && (setgid(1000) == -1 || setuid(1000) == -1)) _exit(97);
  area = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(area + 12288, 4096);
  for (int index = 0; index < 12288; index++) area[index] = (char)next_random();
  strcpy(area + 4096, "/tmp/x");
  pid_t self = getpid();
  for (int call = 0; call < calls; call++) {
    long number = (long)(next_random() % 460);
    uint64_t a = argument(), b = argument(), c = argument(), d = argument(), e = argument(),
             f = argument();
    if (!allowed(number, root)) continue;
    syscall(number, a, b, c, d, e, f);
    if (syscall(SYS_getpid) != self) _exit(0);  // a fork or clone succeeded: the child stops here
  }
  _exit(0);
}

static void check_health(void) {
  struct gate gate = gate_make();
  pid_t child = (pid_t)must(fork());
  if (child == 0) {
    char* memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(memory, 1, 1 << 20);
    spill("/tmp/health", memory, 4096, 0600);
    gate_open(gate);
    _exit(memory[12345] == 1 ? 0 : 1);
  }
  gate_wait(gate);
  exits("a child works", child, 0);
}

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  uint64_t seed = strtoull(argv[1], NULL, 10);
  int rounds = atoi(argv[2]), calls = atoi(argv[3]), root = argc > 4;
  int ended = 0, overstayed = 0;
  for (int round = 0; round < rounds; round++) {
    state = seed * 1000003 + (uint64_t)round;
    pid_t child = (pid_t)must(fork());
    if (child == 0) make_calls(calls, root);
    long long deadline = now_ns(CLOCK_MONOTONIC) + 1000000000LL;
    int status;
    while (waitpid(child, &status, WNOHANG) == 0) {
      poll(NULL, 0, 1);
      if (now_ns(CLOCK_MONOTONIC) < deadline) continue;
      overstayed++;
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
    }
    kill(-child, SIGKILL);
    ended++;
  }
  while (waitpid(-1, NULL, WNOHANG | __WALL) > 0) continue;
  say("%d rounds ended, %d by force", ended, overstayed);
  check_health();
  say("alive");
  return check_failures;
}
