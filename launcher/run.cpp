// SPDX-License-Identifier: MIT
//
// See run.h. Each step is a part of its own (root_archive, program, machine, vm_process, relay), so
// that another front end, such as an OCI runtime, can put them together differently.
#include "run.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cstdlib>

#include "default_root.h"
#include "guest_init.h"
#include "kvm_probe.h"
#include "machine.h"
#include "program.h"
#include "relay.h"
#include "root_archive.h"
#include "run_config.h"
#include "terminal.h"
#include "vm_process.h"

namespace tine::launcher {
namespace {

constexpr uint64_t kMebibyte = 1UL << 20;
constexpr uint64_t kDefaultMemory = 256 * kMebibyte;
// What is left beside the root must hold the kernel and the first process.
constexpr uint64_t kLeastBesideRoot = 4 * kMebibyte;

const char* const kStreamNames[3] = {"tine.stdin", "tine.stdout", "tine.stderr"};

std::string guest_working_directory(const RootArchive& root, const Options& options) {
  if (options.working_directory.empty()) {
    const RootArchive::Node* home = root.find("root");
    return home != nullptr && S_ISDIR(home->mode) ? "/root" : "/";
  }
  const std::string& path = options.working_directory;
  if (!path.starts_with('/')) throw Failure("--cwd " + path + ": must be an absolute path");
  const RootArchive::Node* node = root.find(path);
  const bool of_kernel = path.starts_with("/proc") || path.starts_with("/dev");
  if (!of_kernel && (node == nullptr || !S_ISDIR(node->mode))) {
    throw Failure("--cwd " + path + ": no such directory in the guest");
  }
  return path;
}

// Do stdout and stderr go to the same pipe or file, as after 2>&1?
bool outputs_are_one_file() {
  struct stat out, error;
  return ::fstat(STDOUT_FILENO, &out) == 0 && ::fstat(STDERR_FILENO, &error) == 0 &&
         out.st_dev == error.st_dev && out.st_ino == error.st_ino;
}

RunConfig make_config(RootArchive& root, const Options& options) {
  RunConfig config;
  for (int stream = 0; stream < 3; ++stream) {
    config.terminal[stream] = ::isatty(stream) != 0;
    if (config.terminal[stream] && config.window == WindowSize{}) {
      config.window = window_size_of(stream);
    }
  }
  config.shared_output = !config.terminal[1] && !config.terminal[2] && outputs_are_one_file();
  config.environment =
      make_environment(options.environment, config.any_terminal() ? std::getenv("TERM") : nullptr);
  config.working_directory = guest_working_directory(root, options);
  const bool shell = options.program.empty();
  const std::string name = shell ? "/bin/sh" : options.program.front();
  config.executable = place_program(
      root, {name, config.working_directory, environment_value(config.environment, "PATH")});
  config.arguments = options.program;
  if (shell) config.arguments = {"-sh"};  // the "-" makes it a login shell
  return config;
}

void add_own_files(RootArchive& root, const RunConfig& config) {
  root.add_directory(".tine", 0700);
  root.add_file(".tine/init", 0700, guest_init());
  root.add_file(".tine/run", 0600, serialise(config));
}

uint64_t choose_memory(const Options& options, uint64_t root_size) {
  const uint64_t root_rounded = (root_size + kMebibyte - 1) / kMebibyte * kMebibyte;
  if (!options.memory_bytes) return kDefaultMemory + root_rounded;
  const uint64_t least = root_rounded + kLeastBesideRoot;
  if (*options.memory_bytes < least) {
    throw Failure(fmt::format("too little memory: with this root the VM needs {}M at the least",
                              least / kMebibyte));
  }
  return *options.memory_bytes;
}

bool choose_kvm(Accel accel) {
  if (accel == Accel::kTcg) return false;
  if (accel == Accel::kAuto) return kvm_runs_on_hardware();
  if (::access("/dev/kvm", R_OK | W_OK) != 0) throw Failure::from_errno("--accel kvm: /dev/kvm");
  return true;
}

// Makes a socket pair: one end for QEMU, described in `machine`, the other returned.
UniqueFd add_port(Machine& machine, std::vector<UniqueFd>& qemu_ends, MachinePort::Kind kind,
                  const std::string& name) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    throw Failure::from_errno("cannot make a socket pair");
  }
  UniqueFd own(ends[0]);
  qemu_ends.emplace_back(ends[1]);
  ::fcntl(own.get(), F_SETFL, O_NONBLOCK);
  machine.ports.push_back({kind, name, ends[1]});
  return own;
}

void add_ports(Machine& machine, VmChannels& channels, std::vector<UniqueFd>& qemu_ends,
               const RunConfig& config) {
  using Kind = MachinePort::Kind;
  channels.log = add_port(machine, qemu_ends, Kind::kSerial, "");
  UniqueFd console = add_port(machine, qemu_ends, Kind::kConsole, "");
  if (config.any_terminal()) channels.terminal = std::move(console);
  channels.control = add_port(machine, qemu_ends, Kind::kStream, "tine.control");
  for (size_t stream = 0; stream < 3; ++stream) {
    if (config.terminal[stream]) continue;
    if (stream == STDERR_FILENO && config.shared_output) continue;
    channels.streams[stream] = add_port(machine, qemu_ends, Kind::kStream, kStreamNames[stream]);
  }
}

VmOutcome run_machine(Machine& machine, const RunConfig& config, const Options& options) {
  VmChannels channels;
  std::vector<UniqueFd> qemu_ends;
  add_ports(machine, channels, qemu_ends, config);
  int messages[2];
  if (::pipe2(messages, O_CLOEXEC) != 0) throw Failure::from_errno("cannot make a pipe");
  channels.messages.reset(messages[0]);
  UniqueFd qemu_messages(messages[1]);
  std::vector<int> inherited = {machine.initrd_fd};
  for (const UniqueFd& end : qemu_ends) inherited.push_back(end.get());

  SignalPipe signals(options.timeout_seconds);
  VmProcess vm(qemu_arguments(machine), inherited, qemu_messages.get());
  qemu_ends.clear();  // so that the end of QEMU is the end of every stream
  qemu_messages.reset();

  RelayOptions relay_options;
  std::copy(std::begin(config.terminal), std::end(config.terminal), relay_options.terminal);
  relay_options.verbose = options.verbose;
  relay_options.timeout_seconds = options.timeout_seconds;
  std::optional<RawTerminal> raw;
  if (config.terminal[0]) {
    relay_options.raw_output = config.terminal[1] && config.terminal[2];
    raw.emplace(STDIN_FILENO, relay_options.raw_output);
  }
  return Relay(std::move(channels), relay_options, vm, signals).run();
}

}  // namespace

Verdict run(const Options& options) {
  if (::access(options.kernel.c_str(), R_OK) != 0) {
    throw Failure::from_errno("kernel image " + options.kernel);
  }
  RootArchive root;
  if (options.root.empty()) {
    add_default_root(root);
  } else {
    root.add_host_root(options.root);
  }
  add_mount_points(root);
  const RunConfig config = make_config(root, options);
  add_own_files(root, config);
  const uint64_t root_size = root.finish();

  Machine machine;
  machine.type = options.machine;
  machine.kvm = choose_kvm(options.accel);
  machine.memory_bytes = choose_memory(options, root_size);
  machine.cpus = options.cpus;
  machine.kernel = options.kernel;
  machine.initrd_fd = root.fd();
  machine.command_line = "console=ttyS0 rdinit=/.tine/init";
  if (!options.verbose) machine.command_line += " quiet";
  if (!options.append.empty()) machine.command_line += " " + options.append;
  return judge(run_machine(machine, config, options));
}

}  // namespace tine::launcher
