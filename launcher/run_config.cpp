// SPDX-License-Identifier: MIT
//
// See run_config.h; guest_init/init.cpp reads what serialise() writes.
#include "run_config.h"

#include <fmt/format.h>

#include <algorithm>

namespace tine::launcher {

std::string serialise(const RunConfig& config) {
  std::string text;
  const auto record = [&text](const std::string& content) {
    text += content;
    text += '\0';
  };
  record("tine=1");
  record("cwd=" + config.working_directory);
  std::string stdio = "stdio=";
  for (const bool terminal : config.terminal) stdio += terminal ? 't' : 'p';
  if (config.shared_output) stdio.back() = 's';
  record(stdio);
  if (config.any_terminal()) {
    record(fmt::format("winsize={} {}", config.window.rows, config.window.columns));
  }
  record("exec=" + config.executable);
  for (const std::string& variable : config.environment) record("env=" + variable);
  for (const std::string& argument : config.arguments) record("arg=" + argument);
  return text;
}

std::vector<std::string> make_environment(const std::vector<std::string>& given,
                                          const char* terminal_type) {
  std::vector<std::string> environment = {
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
      "USER=root"};
  if (terminal_type != nullptr) environment.push_back(std::string("TERM=") + terminal_type);
  for (const std::string& variable : given) {
    const std::string name = variable.substr(0, variable.find('=') + 1);
    std::erase_if(environment,
                  [&name](const std::string& other) { return other.starts_with(name); });
    environment.push_back(variable);
  }
  return environment;
}

std::string environment_value(const std::vector<std::string>& environment,
                              const std::string& name) {
  const std::string prefix = name + "=";
  const auto found = std::ranges::find_if(
      environment, [&prefix](const std::string& entry) { return entry.starts_with(prefix); });
  return found == environment.end() ? "" : found->substr(prefix.size());
}

}  // namespace tine::launcher
