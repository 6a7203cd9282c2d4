// SPDX-License-Identifier: MIT
//
// kernel_main(): the arch-neutral start, and what PID 1 does before it is a program.
//
// Order: memory, scheduler, tasks; then the boot CPU becomes the idle task and the rest happens in
// PID 1's kernel thread, which may sleep: devices, file systems, the initrd, and exec of init.
// A kernel without an init to run has no purpose and panics, as Linux does.
#include <algorithm>
#include <charconv>

#include "arch/cpu.h"
#include "arch/vdso.h"
#include "boot/boot_info.h"
#include "boot/command_line.h"
#include "boot/provoke.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/version.h"
#include "drivers/drivers.h"
#include "fs/files_table.h"
#include "fs/fs.h"
#include "fs/fs_context.h"
#include "mm/huge_page.h"
#include "mm/init.h"
#include "sched/sched.h"
#include "sched/timer.h"
#include "task/boot_tasks.h"
#include "task/cpu_threads.h"
#include "task/exec/exec.h"
#include "task/sleepers.h"
#include "task/task.h"

namespace tine {

namespace {

constexpr size_t kMaxInitWords = CommandLine::kMaxWords + 4;

uint64_t total_memory(const BootInfo& info) {
  uint64_t bytes = 0;
  for (const MemoryRange& range : info.ram()) bytes += range.length;
  return bytes;
}

LogLevel console_level(const CommandLine& command_line) {
  std::string_view level = command_line.value("loglevel");
  if (level.size() == 1 && level[0] >= '0' && level[0] <= '9') {
    return static_cast<LogLevel>(level[0] - '1');  // Linux shows what is below the number
  }
  if (command_line.has_flag("quiet")) return LogLevel::error;
  return LogLevel::info;
}

// 0 for what is not a number.
uint64_t number_of(std::string_view text) {
  uint64_t number = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// argv and envp of init: the defaults that Linux gives, then what the command line adds.
struct InitVectors {
  std::string_view argv[kMaxInitWords];
  std::string_view envp[kMaxInitWords];
  size_t argument_count = 1;  // argv[0] is set at each try
  size_t variable_count = 0;

  explicit InitVectors(const CommandLine& command_line) {
    for (std::string_view word : command_line.init_arguments()) argv[argument_count++] = word;
    set_variable("HOME=/");
    set_variable("TERM=linux");
    for (std::string_view word : command_line.init_environment()) set_variable(word);
  }
  void set_variable(std::string_view word) {
    std::string_view name = word.substr(0, word.find('=') + 1);
    auto* end = envp + variable_count;
    auto* place = std::find_if(envp, end, [&](auto other) { return other.starts_with(name); });
    *place = word;
    if (place == end) ++variable_count;
  }
};

bool try_init(std::string_view path, InitVectors& vectors) {
  vectors.argv[0] = path;
  Result<void> result = exec::kernel_execve(path, {vectors.argv, vectors.argument_count},
                                            {vectors.envp, vectors.variable_count});
  if (!result && result.error() != Errno::noent) {
    log_error("cannot run {}: error {}", path, static_cast<int>(result.error()));
  }
  return result.has_value();
}

// Becomes the first program. `rdinit=` and `init=` name it and must work; else the usual places.
void run_init(const CommandLine& command_line) {
  static constinit char storage[sizeof(InitVectors)] __attribute__((aligned(8)));
  auto& vectors = *new (storage) InitVectors(command_line);
  for (std::string_view parameter : {"rdinit", "init"}) {
    std::string_view path = command_line.value(parameter);
    if (path.empty()) continue;
    if (try_init(path, vectors)) return;
    log_error("{}={} cannot be run", parameter, path);
    panic("no init to run: the one asked for fails");
  }
  for (std::string_view path : {"/init", "/sbin/init", "/etc/init", "/bin/init", "/bin/sh"}) {
    if (try_init(path, vectors)) return;
  }
  panic("no init to run: no /init, /sbin/init or /bin/sh in the initrd");
}

struct Boot {
  const BootInfo* info;
  const CommandLine* command_line;
};
constinit Boot boot{};

// What the first program finds: a working directory, and descriptors 0 to 2 on the console.
Result<void> give_directories_and_descriptors() {
  current().fs = TRY(fs::make_fs_context());
  current().files = TRY(fs::make_files_table());
  Result<Ref<fs::File>> console = fs::open_kernel("/dev/console", fs::kReadWrite);
  if (!console) {
    log_warning("no console for init");
    return {};
  }
  for (int i = 0; i < 3; ++i) TRY(fs::install_file(*console, fs::kReadWrite));
  return {};
}

// The other CPUs come up meanwhile; programs are to find all of them. One that stays away does not
// hold up the rest for long.
void wait_for_other_cpus() {
  constexpr Nanoseconds kPatience = kNsPerSecond, kInterval = 100'000;
  const CpuId wanted = arch::possible_cpu_count();
  const Nanoseconds give_up = time::monotonic_now() + kPatience;
  while (sched::cpu_count() < wanted && time::monotonic_now() < give_up) {
    (void)time::sleep_until(time::Clock::monotonic, time::monotonic_now() + kInterval);
  }
  if (wanted != 1) log_info("{} of {} CPUs are up", sched::cpu_count(), wanted);
}

// PID 1, in kernel mode. Returning from here enters the program.
void kernel_init(void*) {
  fs::init(boot.info->initrd, boot.info->command_line);
  drivers::init(boot.command_line->value("console"));
  if (!give_directories_and_descriptors()) panic("no memory for init");
  wait_for_other_cpus();
  if (!start_cpu_threads() || !start_watching_sleepers() || !signal::start_announcer()) {
    panic("no memory for kernel threads");
  }
  provoke(boot.command_line->value("provoke"));
  run_init(*boot.command_line);
}

}  // namespace

void kernel_main(const BootInfo& info) {
  log_info("{} on {}, {} MiB of memory", kVersion, kMachine, total_memory(info) >> 20);
  static constinit char storage[sizeof(CommandLine)] __attribute__((aligned(8)));
  std::span<char> text(const_cast<char*>(info.command_line.data()), info.command_line.size());
  boot = {&info, new (storage) CommandLine(text)};
  set_console_log_level(console_level(*boot.command_line));

  sched::init_this_cpu(*arch::current_schedulable());
  mm::init(info.ram(), info.reserved());
  mm::set_huge_page_policy(boot.command_line->value("transparent_hugepage"));
  mm::resize_huge_pool(number_of(boot.command_line->value("hugepages")));
  arch::init_vdso();
  task_init(total_memory(info));
  start_first_tasks(kernel_init, nullptr);
  arch::start_other_cpus();
  sched::idle_loop();
}

}  // namespace tine
