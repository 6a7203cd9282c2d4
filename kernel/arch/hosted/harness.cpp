// SPDX-License-Identifier: MIT
//
// See harness.h. The child process boots the core in the order of boot/main.cpp, with the host
// thread as CPU 0's idle task, and ends with status 0 only if PID 1 returned and no expectation
// failed.
#include "arch/hosted/harness.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "boot/boot_info.h"
#include "core/panic.h"
#include "fs/files_table.h"
#include "fs/fs_context.h"
#include "mm/init.h"
#include "mm/mm.h"
#include "sched/sched.h"
#include "sched/timer.h"
#include "sync/reclaim.h"
#include "task/boot_tasks.h"
#include "task/cpu_threads.h"
#include "task/process_charge.h"
#include "task/signal/signal.h"
#include "task/task.h"
#include "task/task_flags.h"
#include "task/task_statistics.h"

namespace tine::arch::hosted {
namespace {

constexpr long kSysFork = 57;
constexpr long kSysExitGroup = 231;
constexpr long kSysWait4 = 61;
constexpr uint64_t kFirstRam = 1ull << 20;
constexpr UserAddr kStatusWord = kUserMemory + (kUserMemoryBytes - 8);

bool init_returned = false;

BootInfo describe_machine() {
  BootInfo info;
  info.ram_ranges[0] = {PhysAddr(kFirstRam), physical_memory_bytes() - kFirstRam};
  info.ram_count = 1;
  return info;
}

void map_user_memory(Task& task) {
  Result<Ref<mm::Mm>> mm = mm::mm_alloc();
  TINE_ASSERT(mm.has_value());
  task.mm = mm::MmUser::adopt(std::move(*mm));
  task.Schedulable::mm = task.mm.get();
  mm::switch_address_space(task.mm.get());
  mm::MapRequest request{.address = kUserMemory, .length = kUserMemoryBytes};
  request.flags = mm::kVmRead | mm::kVmWrite | mm::kVmMayRead | mm::kVmMayWrite | mm::kVmMayExec;
  request.fixed = true;
  TINE_ASSERT(mm::do_mmap(*task.mm, std::move(request)).has_value());
}

// PID 1 in kernel mode; returning enters user mode.
void kernel_init(void* program) {
  BootInfo info = describe_machine();
  fs::init(info.initrd, info.command_line);
  current().fs = *fs::make_fs_context();
  current().files = *fs::make_files_table();
  map_user_memory(current());
  TINE_ASSERT(start_cpu_threads().has_value());
  TINE_ASSERT(signal::start_announcer().has_value());
  current().flags &= ~kPfKernelThread;
  user_regs(current()).program = static_cast<UserProgram*>(program);
}

void boot_and_run(std::function<void()> init, const MachineOptions& options) {
  boot_machine(options);
  Task& idle = **make_idle_task(0);
  adopt_boot_task(idle);
  BootInfo info = describe_machine();
  sched::init_this_cpu(idle);
  mm::init(info.ram(), info.reserved());
  task_init(physical_memory_bytes());
  start_secondary_cpus();
  UserProgram* program = register_program([init = std::move(init)] {
    init();
    init_returned = true;
    machine_power_off();
  });
  start_first_tasks(kernel_init, program);
  run_until_quiet();
}

}  // namespace

bool run_core_in_child(std::function<void()> init, const MachineOptions& options,
                       bool (*has_failure)()) {
  fflush(nullptr);
  pid_t child = ::fork();
  if (child == 0) {
    boot_and_run(std::move(init), options);
    if (!init_returned) fprintf(stderr, "the core went quiet before PID 1 returned\n");
    fflush(nullptr);
    _exit(init_returned && !has_failure() ? 0 : 1);
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

long fork(std::function<void()> child) {
  return system_call_with_child(std::move(child), kSysFork);
}

void exit_process(int status) {
  system_call(kSysExitGroup, static_cast<uint64_t>(status));
  panic("exit_group returned to the program");
}

long wait_for(long pid) {
  long result = system_call(kSysWait4, static_cast<uint64_t>(pid), kStatusWord.value, 0, 0);
  return result < 0 ? result : load_value<int>(kStatusWord);
}

void store(UserAddr to, const void* from, size_t length) {
  TINE_ASSERT(copy_to_user(to, from, length) == 0);
}

void load(void* to, UserAddr from, size_t length) {
  TINE_ASSERT(copy_from_user(to, from, length) == 0);
}

namespace {

MachineCounts counts_now() { return {live_counts(), statistics.threads.load()}; }

constexpr Nanoseconds kMoment = 5'000'000;

// Tasks that have ended may be on their way off other CPUs, for as long as the host likes: a leak
// is what is still there when nothing changes any more.
MachineCounts settled_on_all_cpus() {
  constexpr int kQuietMoments = 6;
  MachineCounts last = counts_now();
  for (int quiet = 0; quiet < kQuietMoments; ++quiet) {
    (void)time::sleep_until(time::Clock::monotonic, time::monotonic_now() + kMoment);
    reclaim_all();
    const MachineCounts now = counts_now();
    if (now != last) quiet = 0;
    last = now;
  }
  return last;
}

}  // namespace

MachineCounts settled_counts() {
  // The last of a dead child, its stack, goes when it has switched away and another task has run.
  (void)time::sleep_until(time::Clock::monotonic, time::monotonic_now() + kMoment);
  return sched::cpu_count() > 1 ? settled_on_all_cpus() : counts_now();
}

}  // namespace tine::arch::hosted
