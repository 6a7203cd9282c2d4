// SPDX-License-Identifier: MIT
//
// The kernel's log: one line a call, kept in a ring for dmesg and written to the console.
// May be called with interrupts off and from any context; never sleeps, never fails.
#pragma once

#include "core/format.h"

namespace tine {

enum class LogLevel : uint8_t { error = 3, warning = 4, notice = 5, info = 6, debug = 7 };

void log_line(LogLevel level, std::string_view text);
void vlog(LogLevel level, std::string_view format, std::initializer_list<FormatArgument> arguments);

template <class... Arguments>
void log_error(std::string_view format, const Arguments&... arguments) {
  vlog(LogLevel::error, format, {FormatArgument(arguments)...});
}
template <class... Arguments>
void log_warning(std::string_view format, const Arguments&... arguments) {
  vlog(LogLevel::warning, format, {FormatArgument(arguments)...});
}
template <class... Arguments>
void log_info(std::string_view format, const Arguments&... arguments) {
  vlog(LogLevel::info, format, {FormatArgument(arguments)...});
}

// Lines of this level and above go to the console too (info at the start).
void set_console_log_level(LogLevel level);
// For dmesg: copies text from `position` on, which moves behind it; what has been overwritten in the
// meantime is skipped. 0: nothing newer. log_position() is where the next line will begin.
size_t read_log(uint64_t& position, std::span<char> out);
uint64_t log_position();

}  // namespace tine
