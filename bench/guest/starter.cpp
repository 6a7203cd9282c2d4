// SPDX-License-Identifier: MIT
//
// PID 1 of a benchmark run: prepares a console and /proc, reads what to run from the kernel command
// line, and runs each row in a process of its own.
//
// Command line: bench.rows=NAME,NAME... (needed), bench.mode=icount|wall, bench.memory=MIB (what
// the machine has, for the row `ram_used`), bench.ticks=N (TSC ticks of a millisecond in wall mode:
// the harness knows them from the host, whose clock is the same for every kernel). Output, one line
// each on the console:
//   bench-start MODE             bench-row NAME (about to run)       bench FIGURE VALUE UNIT
//   bench-failed ROW ERRNO|WHY   bench-done (all rows were tried; then the machine powers off)
// It uses few system calls (open, read, write, close, dup, mkdir, mount, fork, execve, wait4,
// reboot; sysinfo for `ram_used`), so that it runs on a young kernel.
// What it cannot do it says by bench-failed and goes on; it never returns.
#include "starter.h"

#include <linux/fcntl.h>
#include <linux/reboot.h>
#include <linux/sysinfo.h>

namespace bench {
namespace {

constexpr const char* nolibc_program = "/bench";
constexpr const char* glibc_program = "/bench-glibc";

struct CommandLine {
  char text[4096] = {};

  // The value of `key` ("name="), cut out of the text in place, or null.
  char* value_of(const char* key) {
    const size_t key_length = text_length(key);
    for (char* word = text; *word != '\0';) {
      char* end = word;
      while (*end != '\0' && *end != ' ' && *end != '\n') ++end;
      size_t same = 0;
      while (same < key_length && word[same] == key[same]) ++same;
      if (same == key_length) {
        cut_ = end;
        saved_ = *end;
        *end = '\0';
        return word + key_length;
      }
      word = *end == '\0' ? end : end + 1;
    }
    return nullptr;
  }
  // Makes the text whole again after value_of.
  void restore() {
    if (cut_ != nullptr) *cut_ = saved_;
    cut_ = nullptr;
  }

 private:
  char* cut_ = nullptr;
  char saved_ = '\0';
};

void open_console_if_closed() {
  if (!is_error(raw_call(__NR_fcntl, 1, F_GETFL))) return;
  const long console = raw_open("/dev/console", O_RDWR);
  if (is_error(console)) return;
  for (int fd = 0; fd < 3; ++fd) raw_call(__NR_dup2, console, fd);
}

bool read_command_line(CommandLine& line) {
  long fd = raw_open("/proc/cmdline", O_RDONLY);
  if (is_error(fd)) {
    raw_call(__NR_mkdir, as_long("/proc"), 0755);
    raw_call(__NR_mount, as_long("proc"), as_long("/proc"), as_long("proc"), 0, 0);
    fd = raw_open("/proc/cmdline", O_RDONLY);
  }
  if (is_error(fd)) return false;
  const long size = raw_read(static_cast<int>(fd), line.text, sizeof line.text - 1);
  raw_close(static_cast<int>(fd));
  return size > 0;
}

// Says how many ticks a thousand instructions are: 1000 under icount, or the figures are no counts.
// The best of several short loops, because a timer interrupt may fall into one.
void report_tick_check() {
  constexpr uint64_t rounds = 10'000;  // of two instructions
  uint64_t best = ~uint64_t{0};
  for (size_t attempt = 0; attempt < batches; ++attempt) {
    uint64_t left = rounds;
    const uint64_t start = read_ticks();
    asm volatile("1: dec %0; jnz 1b" : "+r"(left) : : "cc");
    const uint64_t taken = read_ticks() - start;
    if (taken < best) best = taken;
  }
  report_value("tick_check", best * 10 / (rounds * 2 / 1000), "ticks/1000");
}

void run_row(const char* name) {
  const char* const program = is_nolibc_row(name) ? nolibc_program : glibc_program;
  char ticks[24];
  print_decimal(ticks, ticks_per_millisecond);
  const char* const arguments[] = {program, name, ticks, nullptr};
  const char* const environment[] = {nullptr};
  running_row = name;
  const long pid = raw_fork();
  if (pid == 0) give_up(-raw_execve(program, arguments, environment));
  if (is_error(pid)) {
    print_line("bench-failed", name, "fork");
    return;
  }
  // Orphans of the row are reaped on the way.
  int status = 0;
  for (;;) {
    const long reaped = raw_wait(-1, &status);
    if (reaped == pid) break;
    if (is_error(reaped)) {
      print_line("bench-failed", name, "wait4");
      return;
    }
  }
  char code[24];
  print_decimal(code, static_cast<uint64_t>(status & 0x7f));
  if ((status & 0x7f) != 0) print_line("bench-failed", name, "signal", code);
}

// The kernel's own memory: what is in use and neither a program's pages nor a file's, without the
// description of each frame of RAM, which only Tine tells.
void report_kernel_memory() {
  const long metadata = number_in_file("/proc/tine", "frame_metadata_kib");
  if (metadata < 0) return;
  const auto line = [](const char* key) { return number_in_file("/proc/meminfo", key); };
  const long used = line("MemTotal:") - line("MemFree:");
  const long kernel = used - line("AnonPages:") - line("Cached:") - metadata;
  report_value("kernel_memory_idle", static_cast<uint64_t>(kernel) * 10, "KiB");
}

// What the machine has and the kernel no longer gives: its image, its tables, what it keeps.
void report_ram_used(const char* memory) {
  running_row = "ram_used";
  if (memory == nullptr) {
    print_line("bench-failed ram_used no-bench.memory");
    return;
  }
  // PID 1 must not end by give_up, so the call is tried first.
  struct sysinfo information = {};
  if (is_error(raw_call(__NR_sysinfo, as_long(&information)))) {
    print_line("bench-failed ram_used no-sysinfo");
    return;
  }
  const uint64_t machine_bytes = parse_number(memory) * mib_bytes;
  report_value("ram_used_after_boot", (machine_bytes - free_memory_bytes()) * 10 / 1024, "KiB");
  report_kernel_memory();
}

void run_rows(char* names, uint64_t entry_ticks, const char* memory) {
  for (char* name = names; *name != '\0';) {
    char* end = name;
    while (*end != '\0' && *end != ',') ++end;
    char* const next = *end == '\0' ? end : end + 1;
    *end = '\0';
    print_line("bench-row", name);
    if (text_equals(name, "boot")) {
      report_ticks("boot_to_init", entry_ticks, 1);
    } else if (text_equals(name, "ram_used")) {
      report_ram_used(memory);
    } else {
      run_row(name);
    }
    name = next;
  }
}

[[noreturn]] void power_off() {
  for (long command : {long{LINUX_REBOOT_CMD_POWER_OFF}, long{LINUX_REBOOT_CMD_RESTART}}) {
    raw_call(__NR_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, command, 0);
  }
  for (;;) raw_call(__NR_pause);  // the harness ends a machine that said bench-done
}

}  // namespace

void run_starter(uint64_t entry_ticks) {
  static CommandLine line;
  static char memory_text[24];
  open_console_if_closed();
  if (!read_command_line(line)) {
    print_line("bench-failed starter no-command-line");
    power_off();
  }
  const char* const mode = line.value_of("bench.mode=");
  const bool wall = mode != nullptr && text_equals(mode, "wall");
  line.restore();
  const char* memory = line.value_of("bench.memory=");
  if (memory != nullptr) {
    print_decimal(memory_text, parse_number(memory));
    memory = memory_text;
  }
  line.restore();
  if (wall) {
    const char* const ticks = line.value_of("bench.ticks=");
    if (ticks != nullptr) ticks_per_millisecond = parse_number(ticks);
    line.restore();
  }
  print_line("bench-start", wall ? "wall" : "icount");
  report_tick_check();
  char* const names = line.value_of("bench.rows=");
  if (names == nullptr) {
    print_line("bench-failed starter no-rows");
  } else {
    run_rows(names, entry_ticks, memory);
  }
  print_line("bench-done");
  power_off();
}

}  // namespace bench
