// SPDX-License-Identifier: MIT
//
// The exit statuses of `tine run`, in one place: the table a user sees in --help, and the rule that
// turns what happened to a VM into a status and a message. Nothing here does I/O and nothing may
// fail, so the rule is tested without a VM.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tine::launcher {

inline constexpr int kStatusTimeout = 124;        // --timeout passed
inline constexpr int kStatusTine = 125;           // Tine, QEMU or the guest kernel failed
inline constexpr int kStatusNotExecutable = 126;  // PROGRAM is there but cannot be executed
inline constexpr int kStatusNotFound = 127;       // PROGRAM is not there
inline constexpr int kStatusSignalBase = 128;     // + n: ended by signal n

// The table for --help.
extern const char* const kExitStatusHelp;

// What the relay saw from the start of the VM to its end.
struct VmOutcome {
  std::optional<int> program_status;   // from the guest's "exit N" line
  bool timed_out = false;              // the launcher stopped the VM at --timeout
  double timeout_seconds = 0;          // what --timeout said
  std::optional<int> launcher_signal;  // the launcher stopped the VM because it got this signal
  bool left_by_escape = false;         // the user pressed the escape keys
  bool panicked = false;               // the kernel's log has a line "PANIC:"
  std::string log_tail;                // what to show of the kernel's log
  std::string host_error;              // the first stream that the host did not take, and why
  std::string qemu_messages;           // what QEMU wrote on its stderr
};

struct Verdict {
  int status = 0;
  std::string message;  // empty where there is nothing to say
};

Verdict judge(const VmOutcome& outcome);

// Reads "exit N" (N in 0..255, nothing else on the line); nullopt for every other line.
std::optional<int> parse_exit_line(std::string_view line);

}  // namespace tine::launcher
