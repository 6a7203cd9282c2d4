// SPDX-License-Identifier: MIT
//
// See exit_status.h. The order of the questions in judge() is the contract: a program's own status
// wins over everything that happens after it was reported, because the work was done by then.
#include "exit_status.h"

#include <fmt/format.h>

#include <charconv>

namespace tine::launcher {

const char* const kExitStatusHelp =
    "Exit status:\n"
    "  0..255  that of PROGRAM (any of the below may also be PROGRAM's own)\n"
    "  124     PROGRAM had not ended when --timeout passed\n"
    "  125     Tine failed: wrong usage, no QEMU, no kernel image, too little memory, an\n"
    "          unreadable root, output that could not be written, a panic of the guest\n"
    "          kernel, a VM that ended without a status\n"
    "  126     PROGRAM cannot be executed: a directory, no permission, not an executable,\n"
    "          truncated, or made for another machine\n"
    "  127     PROGRAM was not found\n"
    "  128+n   PROGRAM was ended by signal n, or tine itself was told to stop by it\n";

std::optional<int> parse_exit_line(std::string_view line) {
  constexpr std::string_view kPrefix = "exit ";
  if (!line.starts_with(kPrefix)) return std::nullopt;
  line.remove_prefix(kPrefix.size());
  int status = 0;
  const char* end = line.data() + line.size();
  const auto [stop, error] = std::from_chars(line.data(), end, status);
  if (error != std::errc{} || stop != end || status < 0 || status > 255) return std::nullopt;
  return status;
}

Verdict judge(const VmOutcome& outcome) {
  if (outcome.program_status) {
    const bool lost = *outcome.program_status == 0 && !outcome.host_error.empty();
    return {lost ? kStatusTine : *outcome.program_status, outcome.host_error};
  }
  if (outcome.launcher_signal) return {kStatusSignalBase + *outcome.launcher_signal, ""};
  if (outcome.left_by_escape) return {kStatusTine, "stopped by the escape keys"};
  if (outcome.panicked) {
    return {kStatusTine, "the guest kernel panicked" +
                             (outcome.log_tail.empty() ? "" : "\n" + outcome.log_tail)};
  }
  if (outcome.timed_out) {
    return {kStatusTimeout, fmt::format("no end after {} s (--timeout): the VM was stopped",
                                        outcome.timeout_seconds)};
  }
  std::string message = "the VM ended without the program's exit status";
  if (!outcome.qemu_messages.empty()) message += "\nQEMU says:\n" + outcome.qemu_messages;
  if (!outcome.log_tail.empty()) {
    message += "\nthe last lines of the guest kernel's log:\n" + outcome.log_tail;
  }
  return {kStatusTine, message};
}

}  // namespace tine::launcher
