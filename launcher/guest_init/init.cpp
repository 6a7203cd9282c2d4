// SPDX-License-Identifier: MIT
//
// PID 1 of the guest, as the launcher packs it: a static program without a C library. It reads its
// orders from /.tine/run (format: launcher/run_config.h) and removes them, opens the program's
// streams, starts the program in a session of its own, reaps orphans, passes window sizes on, and
// after the program's end writes "exit N" to the port tine.control and powers the machine off.
//
// It mounts nothing: the kernel has /dev and /proc in place before it starts init. If something
// fails before the program runs, it says so on the program's stderr and reports 125, 126 or 127.
// It asks little of the kernel on purpose: open, read, write, mmap, fork, wait4, dup2, execve; and
// ppoll, rt_sigaction and ioctl only for terminals.
#include <asm/unistd.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

namespace {

constexpr const char* kConfigPath = "/.tine/run";
constexpr const char* kTerminalPath = "/dev/hvc0";
constexpr const char* kControlPath = "/dev/virtio-ports/tine.control";
constexpr const char* kStreamPaths[3] = {"/dev/virtio-ports/tine.stdin",
                                         "/dev/virtio-ports/tine.stdout",
                                         "/dev/virtio-ports/tine.stderr"};
constexpr size_t kConfigLimit = 4UL << 20;  // argv and env are limited to 2 MiB by exec itself
constexpr int kStatusTine = 125;
constexpr int kStatusNotExecutable = 126;
constexpr int kStatusNotFound = 127;
constexpr int kErrorNotFound = 2;               // ENOENT
constexpr int kErrorInterrupted = 4;            // EINTR
constexpr uint64_t kRestorerFlag = 0x04000000;  // SA_RESTORER

// -errno on failure, as the kernel returns it.
long system_call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0,
                 long f = 0) {
  long result = number;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall"
               : "+a"(result)
               : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

long address(const void* pointer) { return reinterpret_cast<long>(pointer); }

size_t length(const char* text) {
  size_t count = 0;
  while (text[count] != '\0') ++count;
  return count;
}

// The rest of `text` after `prefix`; nullptr where it begins otherwise.
char* after(char* text, const char* prefix) {
  while (*prefix != '\0') {
    if (*text++ != *prefix++) return nullptr;
  }
  return text;
}

void write_text(int fd, const char* text) {
  size_t left = length(text);
  while (left > 0) {
    const long written = system_call(__NR_write, fd, address(text), static_cast<long>(left));
    if (written <= 0) return;  // nobody is left to be told
    text += written;
    left -= static_cast<size_t>(written);
  }
}

void complain(const char* what, const char* why) {
  write_text(2, "tine: ");
  write_text(2, what);
  write_text(2, why);
  write_text(2, "\n");
}

struct Config {
  char* working_directory = nullptr;
  char* stdio = nullptr;
  char* executable = nullptr;
  char** arguments = nullptr;
  char** environment = nullptr;
  winsize window{};
};

bool parse_window_size(const char* text, winsize& window) {
  unsigned numbers[2] = {0, 0};
  for (int i = 0; i < 2; ++i) {
    if (*text < '0' || *text > '9') return false;
    while (*text >= '0' && *text <= '9') {
      numbers[i] = numbers[i] * 10 + static_cast<unsigned>(*text++ - '0');
    }
    if (i == 0 && *text++ != ' ') return false;
  }
  window.ws_row = static_cast<unsigned short>(numbers[0]);
  window.ws_col = static_cast<unsigned short>(numbers[1]);
  return true;
}

char* map_memory(size_t size) {
  const long at = system_call(__NR_mmap, 0, static_cast<long>(size), PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return at < 0 ? nullptr : reinterpret_cast<char*>(at);
}

bool read_config(Config& config) {
  const long fd = system_call(__NR_open, address(kConfigPath), O_RDONLY | O_CLOEXEC);
  char* text = map_memory(kConfigLimit);
  if (fd < 0 || text == nullptr) return false;
  size_t size = 0;
  while (size < kConfigLimit - 1) {
    const long got = system_call(__NR_read, fd, address(text + size),
                                 static_cast<long>(kConfigLimit - 1 - size));
    if (got <= 0) break;
    size += static_cast<size_t>(got);
  }
  system_call(__NR_close, fd);
  size_t records = 0;
  for (size_t i = 0; i < size; ++i) records += text[i] == '\0' ? 1 : 0;
  // One table serves both lists: environment from its start, arguments behind it, each with its
  // own terminating nullptr, which fresh memory holds already.
  auto** table = reinterpret_cast<char**>(map_memory((2 * records + 2) * sizeof(char*)));
  if (table == nullptr) return false;
  config.environment = table;
  config.arguments = table + records + 1;
  size_t variables = 0;
  size_t arguments = 0;
  for (char *record = text, *end = text + size; record < end; record += length(record) + 1) {
    if (char* value = after(record, "cwd="); value != nullptr) {
      config.working_directory = value;
    } else if (value = after(record, "stdio="); value != nullptr) {
      config.stdio = value;
    } else if (value = after(record, "exec="); value != nullptr) {
      config.executable = value;
    } else if (value = after(record, "winsize="); value != nullptr) {
      parse_window_size(value, config.window);
    } else if (value = after(record, "env="); value != nullptr) {
      config.environment[variables++] = value;
    } else if (value = after(record, "arg="); value != nullptr) {
      config.arguments[arguments++] = value;
    }
  }
  return config.working_directory != nullptr && config.stdio != nullptr &&
         length(config.stdio) == 3 && config.executable != nullptr && arguments > 0;
}

void remove_own_files() {
  system_call(__NR_unlink, address(kConfigPath));
  system_call(__NR_unlink, address("/.tine/init"));
  system_call(__NR_rmdir, address("/.tine"));
}

[[noreturn]] void power_off() {
  system_call(__NR_reboot, static_cast<long>(LINUX_REBOOT_MAGIC1), LINUX_REBOOT_MAGIC2,
              LINUX_REBOOT_CMD_POWER_OFF);
  for (;;) system_call(__NR_pause);
}

// Every stream's device is opened here, once, because a port has one opener at a time; the program
// inherits it. -1 where there is none.
struct Streams {
  int terminal = -1;
  int fds[3] = {-1, -1, -1};
  int control = -1;
};

bool open_streams(const Config& config, Streams& streams) {
  streams.control = static_cast<int>(
      system_call(__NR_open, address(kControlPath), O_RDWR | O_NOCTTY | O_CLOEXEC));
  bool complete = streams.control >= 0;
  for (int i = 0; i < 3; ++i) {
    if (config.stdio[i] == 't') {
      if (streams.terminal < 0) {
        streams.terminal = static_cast<int>(
            system_call(__NR_open, address(kTerminalPath), O_RDWR | O_NOCTTY | O_CLOEXEC));
      }
      streams.fds[i] = streams.terminal;
    } else if (config.stdio[i] == 's') {
      streams.fds[i] = streams.fds[1];
    } else {
      streams.fds[i] =
          static_cast<int>(system_call(__NR_open, address(kStreamPaths[i]),
                                       (i == 0 ? O_RDONLY : O_WRONLY) | O_NOCTTY | O_CLOEXEC));
    }
    complete = complete && streams.fds[i] >= 0;
  }
  return complete;
}

// In the child: becomes the program, or ends with the status that says why not.
[[noreturn]] void become_program(const Config& config, const Streams& streams) {
  system_call(__NR_setsid);
  if (streams.terminal >= 0) system_call(__NR_ioctl, streams.terminal, TIOCSCTTY, 0);
  // The streams' descriptors are above 2, because the kernel opened the console as 0, 1 and 2.
  for (int i = 0; i < 3; ++i) system_call(__NR_dup2, streams.fds[i], i);
  int status = kStatusTine;
  if (system_call(__NR_chdir, address(config.working_directory)) < 0) {
    complain(config.working_directory, ": cannot be the working directory");
  } else {
    const long error = system_call(__NR_execve, address(config.executable),
                                   address(config.arguments), address(config.environment));
    const bool missing = error == -kErrorNotFound;
    status = missing ? kStatusNotFound : kStatusNotExecutable;
    complain(config.arguments[0],
             missing ? ": not found, or its interpreter is not" : ": the guest cannot execute it");
  }
  system_call(__NR_exit_group, status);
  __builtin_unreachable();
}

void on_child(int) {}

// A signal handler's return; the kernel calls nothing but this.
[[gnu::naked]] void restore() { asm volatile("mov %0, %%eax; syscall" ::"i"(__NR_rt_sigreturn)); }

struct KernelSigaction {
  void (*handler)(int);
  uint64_t flags;
  void (*restorer)();
  uint64_t mask;
};

constexpr uint64_t kChildSignalMask = 1UL << (SIGCHLD - 1);

// Blocks SIGCHLD and gives it a handler, so that ppoll() wakes for it and nothing else does.
void prepare_to_poll() {
  const KernelSigaction action{on_child, kRestorerFlag, restore, 0};
  system_call(__NR_rt_sigprocmask, SIG_BLOCK, address(&kChildSignalMask), 0, sizeof(uint64_t));
  system_call(__NR_rt_sigaction, SIGCHLD, address(&action), 0, sizeof(uint64_t));
}

// Lines from the launcher: "winsize ROWS COLUMNS". False once there is nothing more to come.
bool handle_control(const Streams& streams) {
  static char line[64];
  static size_t used = 0;
  const long got = system_call(__NR_read, streams.control, address(line + used),
                               static_cast<long>(sizeof line - 1 - used));
  if (got <= 0) return got == -kErrorInterrupted;
  used += static_cast<size_t>(got);
  size_t start = 0;
  for (size_t i = 0; i < used; ++i) {
    if (line[i] != '\n') continue;
    line[i] = '\0';
    winsize window{};
    const char* size = after(line + start, "winsize ");
    if (size != nullptr && parse_window_size(size, window)) {
      system_call(__NR_ioctl, streams.terminal, TIOCSWINSZ, address(&window));
    }
    start = i + 1;
  }
  for (size_t i = start; i < used; ++i) line[i - start] = line[i];
  used = start == 0 && used == sizeof line - 1 ? 0 : used - start;  // drop an endless line
  return true;
}

// Reaps whatever ends; returns the program's status word.
int wait_for_program(long program, const Streams& streams) {
  bool listening = streams.terminal >= 0;
  int status = 0;
  for (;;) {
    const long ended = system_call(__NR_wait4, -1, address(&status), listening ? WNOHANG : 0);
    if (ended == program) return status;
    if (ended > 0 || !listening) continue;
    pollfd control{streams.control, POLLIN, 0};
    const uint64_t nothing_blocked = 0;
    const long ready = system_call(__NR_ppoll, address(&control), 1, 0, address(&nothing_blocked),
                                   sizeof(uint64_t));
    if (ready > 0) listening = handle_control(streams);
  }
}

// Waits until the host has what was written: the ports by fsync, the terminal by tcdrain.
void drain(const Streams& streams) {
  for (int i = 1; i < 3; ++i) {
    const int fd = streams.fds[i];
    if (fd == streams.terminal) {
      system_call(__NR_ioctl, fd, TCSBRK, 1);
    } else {
      system_call(__NR_fsync, fd);
    }
  }
}

void report(const Streams& streams, int status) {
  char line[] = "exit 000\n";
  char* digits = line + 5;
  *digits = static_cast<char>('0' + status / 100);
  digits[1] = static_cast<char>('0' + status / 10 % 10);
  digits[2] = static_cast<char>('0' + status % 10);
  write_text(streams.control, line);
  system_call(__NR_fsync, streams.control);
}

}  // namespace

// The compiler makes calls of these two out of loops and initialisers.
extern "C" void* memset(void* target, int value, size_t size) {
  void* at = target;
  asm volatile("rep stosb" : "+D"(at), "+c"(size) : "a"(value) : "memory");
  return target;
}

extern "C" void* memcpy(void* target, const void* source, size_t size) {
  void* at = target;
  asm volatile("rep movsb" : "+D"(at), "+S"(source), "+c"(size) : : "memory");
  return target;
}

extern "C" [[noreturn, gnu::force_align_arg_pointer]] void _start() {
  Config config;
  Streams streams;
  if (!read_config(config)) {
    write_text(2, "tine-init: /.tine/run is missing or damaged\n");
    power_off();
  }
  remove_own_files();
  if (!open_streams(config, streams)) {
    write_text(2, "tine-init: a virtio console port is missing\n");
    power_off();
  }
  if (streams.terminal >= 0) {
    system_call(__NR_ioctl, streams.terminal, TIOCSWINSZ, address(&config.window));
    prepare_to_poll();
  }
  const long program = system_call(__NR_fork);
  if (program == 0) {
    const uint64_t nothing_blocked = 0;
    if (streams.terminal >= 0) {
      system_call(__NR_rt_sigprocmask, SIG_SETMASK, address(&nothing_blocked), 0, sizeof(uint64_t));
    }
    become_program(config, streams);
  }
  if (program < 0) {
    complain(config.arguments[0], ": the guest cannot start a process");
    report(streams, kStatusTine);
    power_off();
  }
  const int status = wait_for_program(program, streams);
  drain(streams);
  report(streams, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
  power_off();
}
