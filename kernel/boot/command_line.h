// SPDX-License-Identifier: MIT
//
// The kernel's command line, as Linux reads it (kernel-parameters(7)): words separated by spaces,
// "double quotes" keep spaces together; everything after `--` belongs to init. What the kernel does
// not know is init's too: `name=value` joins its environment, other words its arguments.
//
// A CommandLine refers to the text it was parsed from, and owns nothing. Too many words are dropped
// with a warning.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace tine {

class CommandLine {
 public:
  static constexpr size_t kMaxWords = 256;

  // Rewrites `text` in place where quotes have to go.
  explicit CommandLine(std::span<char> text);

  // The last value of `name=value`; empty if there is none.
  std::string_view value(std::string_view name) const;
  bool has_flag(std::string_view name) const;

  std::span<const std::string_view> init_arguments() const { return {arguments_, argument_count_}; }
  std::span<const std::string_view> init_environment() const {
    return {environment_, environment_count_};
  }

 private:
  void add_word(std::string_view word, bool for_init);

  std::string_view own_[kMaxWords];
  std::string_view arguments_[kMaxWords];
  std::string_view environment_[kMaxWords];
  size_t own_count_ = 0, argument_count_ = 0, environment_count_ = 0;
};

}  // namespace tine
