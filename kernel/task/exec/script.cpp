// SPDX-License-Identifier: MIT
//
// Parsing "#!" lines as Linux does: blanks around both parts are dropped, everything behind the
// interpreter is one argument, a line longer than 255 bytes may only cut that argument.
#include "task/exec/script.h"

#include <algorithm>

namespace tine::exec {

namespace {
constexpr std::string_view kBlanks = " \t";

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}
}  // namespace

Result<ScriptLine> ScriptLine::parse(const FileHead& head) {
  std::string_view line = head.text().substr(0, kMaxLine + 1);
  const size_t end = line.find_first_of(std::string_view("\n\0", 2));
  const bool is_cut = end == line.npos && line.size() > kMaxLine;
  line = trim(line.substr(2, end == line.npos ? line.npos : end - 2));
  const size_t name_end = std::min(line.find_first_of(kBlanks), line.size());
  const std::string_view interpreter = line.substr(0, name_end);
  if (interpreter.empty() || (is_cut && name_end == line.size())) return Errno::noexec;
  const std::string_view option = trim(line.substr(name_end));
  ScriptLine result;
  auto to = std::ranges::copy(interpreter, result.text_.data()).out;
  std::ranges::copy(option, to);
  result.interpreter_ = interpreter.size();
  result.option_ = option.size();
  return result;
}

}  // namespace tine::exec
