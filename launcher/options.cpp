// SPDX-License-Identifier: MIT
//
// See options.h. CLI11 does the work; everything after PROGRAM belongs to the program, with or
// without a "--" before it.
#include "options.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <iostream>
#include <limits>
#include <map>
#include <memory>

#include "failure.h"

namespace tine::launcher {
namespace {

constexpr const char* kFooter =
    "Without PROGRAM an interactive shell starts.\n"
    "PROGRAM is looked up in the guest: a name in the guest's PATH, a path in the root. What is\n"
    "not there but is a file of this machine is carried into the guest (as /run/host/NAME): a\n"
    "static x86-64 executable or a #! script.\n"
    "\n"
    "Streams that are terminals here are a terminal in the guest (/dev/hvc0), others are\n"
    "binary-clean streams of their own. On a terminal Ctrl-C goes to the guest; Ctrl-] three\n"
    "times within a second stops the VM.\n\n";

class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App* /*app*/, std::string /*name*/) const override {
    return "Usage: tine run [OPTIONS] [--] [PROGRAM [ARGS...]]\n";
  }
};

}  // namespace

std::optional<uint64_t> parse_size(const std::string& text) {
  uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{}) return std::nullopt;
  std::string unit(stop, end);
  if (unit.size() > 1 && (unit.ends_with("iB") || unit.ends_with("ib"))) unit.resize(1);
  static const std::map<std::string, unsigned> kShifts = {
      {"", 20}, {"B", 0}, {"K", 10}, {"k", 10}, {"M", 20}, {"m", 20}, {"G", 30}, {"g", 30}};
  const auto shift = kShifts.find(unit);
  if (shift == kShifts.end()) return std::nullopt;
  if (number > std::numeric_limits<uint64_t>::max() >> shift->second) return std::nullopt;
  return number << shift->second;
}

std::optional<Options> parse_options(int argc, char** argv) {
  Options options;
  std::string memory;
  CLI::App app("Runs a Linux program in a microVM of its own, on the Tine kernel.", "tine run");
  app.formatter(std::make_shared<HelpFormatter>());
  app.footer(kFooter + std::string(kExitStatusHelp));
  app.set_help_flag("-h,--help", "Print this and end");
  const auto option = [&app](const char* name, auto& value, const char* form, const char* help) {
    return app.add_option(name, value, help)->option_text(form);
  };
  option("--root", options.root, "DIR|FILE",
         "A directory, or a tar or cpio archive, whose copy becomes / (default: a small root made "
         "of Debian's busybox-static)");
  option("--memory", memory, "SIZE",
         "Memory of the VM: 64M, 1G, ... (default: 256M and room for the root)");
  option("--cpus", options.cpus, "N", "Processors of the VM (default: 1)")
      ->check(CLI::Range(1, 64));
  option("--env", options.environment, "K=V", "An environment variable; may be repeated")
      ->allow_extra_args(false);
  option("--cwd", options.working_directory, "DIR",
         "The program's working directory in the guest (default: /root, else /)");
  option("--timeout", options.timeout_seconds, "SECONDS",
         "Stop the VM after so long, with status 124 (default: never)")
      ->check(CLI::Range(0.0, 1e8));
  const std::map<std::string, Accel> accels = {
      {"auto", Accel::kAuto}, {"kvm", Accel::kKvm}, {"tcg", Accel::kTcg}};
  option("--accel", options.accel, "auto|kvm|tcg",
         "auto takes KVM where it measures that a guest kernel runs on hardware, else TCG")
      ->transform(CLI::CheckedTransformer(accels));
  app.add_flag("--verbose", options.verbose, "Show the guest kernel's log on stderr");
  option("--append", options.append, "WORDS", "More words for the guest kernel's command line");
  option("--machine", options.machine, "microvm|q35", "QEMU's machine (default: microvm)")
      ->check(CLI::IsMember({"microvm", "q35"}));
  option("--kernel", options.kernel, "IMAGE", "Another kernel image");
  app.prefix_command();
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    throw Failure(std::string(error.what()) + " (see tine run --help)");
  }
  options.program = app.remaining();
  if (!options.program.empty() && options.program.front() == "--") {
    options.program.erase(options.program.begin());
  } else if (!options.program.empty() && options.program.front().starts_with('-')) {
    throw Failure("unknown option " + options.program.front() + " (see tine run --help)");
  }
  if (!memory.empty()) {
    options.memory_bytes = parse_size(memory);
    if (!options.memory_bytes) throw Failure("--memory " + memory + ": not a size (64M, 1G, ...)");
  }
  for (const std::string& variable : options.environment) {
    if (variable.find('=') == std::string::npos || variable.starts_with('=')) {
      throw Failure("--env " + variable + ": not of the form K=V");
    }
  }
  if (options.kernel.empty()) throw Failure("no kernel image: --kernel IMAGE is missing");
  return options;
}

}  // namespace tine::launcher
