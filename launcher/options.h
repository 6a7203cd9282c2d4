// SPDX-License-Identifier: MIT
//
// The command line of `tine run`, parsed and checked. parse_options() throws Failure for wrong
// usage; --help prints and yields nullopt.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tine::launcher {

enum class Accel { kAuto, kKvm, kTcg };

struct Options {
  std::string root;                      // empty: the default root
  std::optional<uint64_t> memory_bytes;  // not given: 256 MiB and room for the root
  unsigned cpus = 1;
  std::vector<std::string> environment;  // K=V, later ones win
  std::string working_directory;         // empty: /root where it exists, else /
  double timeout_seconds = 0;            // 0: none
  Accel accel = Accel::kAuto;
  bool verbose = false;
  std::string append;
  std::string machine = "microvm";
  std::string kernel;
  std::vector<std::string> program;  // empty: an interactive shell
};

std::optional<Options> parse_options(int argc, char** argv);

// "256M", "1G", "65536K", "4096B" or a plain number of MiB; nullopt for anything else.
std::optional<uint64_t> parse_size(const std::string& text);

}  // namespace tine::launcher
