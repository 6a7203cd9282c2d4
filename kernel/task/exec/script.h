// SPDX-License-Identifier: MIT
//
// The first line of a script: "#! interpreter [one optional argument]" (execve(2)).
#pragma once

#include <array>
#include <string_view>

#include "task/exec/elf.h"

namespace tine::exec {

class ScriptLine {
 public:
  // ENOEXEC: no interpreter, or its path does not fit in the line's 255 bytes.
  static Result<ScriptLine> parse(const FileHead& head);
  std::string_view interpreter() const { return {text_.data(), interpreter_}; }
  std::string_view option() const { return {text_.data() + interpreter_, option_}; }

 private:
  static constexpr size_t kMaxLine = 255;
  std::array<char, kMaxLine + 1> text_{};  // a copy: the head is read again for the interpreter
  size_t interpreter_ = 0, option_ = 0;    // lengths; the option follows directly
};

}  // namespace tine::exec
