// SPDX-License-Identifier: MIT
//
// /.tine/run, the letter from the launcher to the guest's init: records of the form "key=value",
// each ended by a NUL, in this order:
//   tine=1         the version of the format
//   cwd=PATH       working directory
//   stdio=XYZ      for stdin, stdout, stderr: t = the terminal /dev/hvc0, p = its own port,
//                  s = (stderr) the port of stdout
//   winsize=R C    rows and columns of the terminal (only with a t above)
//   exec=PATH      the file to execute
//   env=K=V        any number
//   arg=STRING     any number, argv[0] first
// Values hold any byte but NUL. Pure functions; nothing fails.
#pragma once

#include <string>
#include <vector>

namespace tine::launcher {

struct WindowSize {
  unsigned rows = 0;
  unsigned columns = 0;
  bool operator==(const WindowSize&) const = default;
};

struct RunConfig {
  std::string working_directory;
  bool terminal[3] = {false, false, false};  // stdin, stdout, stderr
  bool shared_output = false;  // stdout and stderr are one file: one port keeps their order
  WindowSize window;
  std::string executable;
  std::vector<std::string> environment;
  std::vector<std::string> arguments;

  bool any_terminal() const { return terminal[0] || terminal[1] || terminal[2]; }
};

std::string serialise(const RunConfig& config);

// The program's environment: defaults, then `given`, of which later ones win.
std::vector<std::string> make_environment(const std::vector<std::string>& given,
                                          const char* terminal_type);

// The value of `name` in an environment; empty where it is not set.
std::string environment_value(const std::vector<std::string>& environment, const std::string& name);

}  // namespace tine::launcher
