// SPDX-License-Identifier: MIT
//
// Arguments: a new program's argv and envp, copied out of the caller's memory in one pass, with the
// offsets of their strings. Checks execve(2)'s limits: E2BIG, EFAULT, ENOMEM.
#pragma once

#include <string_view>

#include "mm/user_memory.h"
#include "task/exec/page_chain.h"

namespace tine::exec {

class Arguments {
 public:
  // Before the first string: how much room RLIMIT_STACK gives to all of it.
  Arguments();

  Result<void> add_user_arguments(UserAddr argv);
  Result<void> add_user_environment(UserAddr envp);
  Result<void> add_argument(std::string_view text);
  Result<void> add_environment(std::string_view text);
  // A program without any argument would take its environment for them (CVE-2021-4034).
  Result<void> ensure_argument();
  // "#!": the interpreter and its argument come before the script's path, which replaces argv[0].
  Result<void> put_interpreter_first(std::string_view interpreter, std::string_view option,
                                     std::string_view script);

  // Strings are: the interpreter's (if any), the arguments, the environment.
  size_t argument_count() const { return prefix_count_ + argument_count_ - (has_prefix() ? 1 : 0); }
  size_t environment_count() const { return environment_count_; }
  size_t string_bytes() const { return prefix_.size() + strings_.size() - skipped_bytes(); }

  // Calls visit(offset) with the offset of each string from the first, in order.
  template <class Visitor>
  Result<void> for_each_offset(Visitor&& visit) const;
  // Calls visit(bytes) with all strings' bytes in order.
  template <class Visitor>
  Result<void> for_each_bytes(Visitor&& visit) const;

 private:
  bool has_prefix() const { return prefix_count_ != 0; }
  size_t skipped_bytes() const { return has_prefix() ? first_argument_bytes_ : 0; }
  Result<size_t> add_user_strings(UserAddr vector);
  Result<void> add_user_string(UserString string);
  Result<void> add_string(std::string_view text);
  Result<void> begin_string();
  Result<void> check_size() const;

  PageChain strings_;    // argv, then envp; each with its NUL
  PageChain offsets_;    // where each begins in strings_, as uint64_t
  Buffer<char> prefix_;  // interpreter strings, each with its NUL
  size_t prefix_count_ = 0;
  size_t argument_count_ = 0, environment_count_ = 0;
  size_t first_argument_bytes_ = 0;
  uint64_t limit_;
};

template <class Visitor>
Result<void> Arguments::for_each_offset(Visitor&& visit) const {
  size_t start = 0;
  for (size_t i = 0; i < prefix_count_; ++i) {
    TRY(visit(start));
    start += std::string_view(prefix_.data() + start).size() + 1;
  }
  bool is_first = true;
  return offsets_.for_each([&](std::span<const char> bytes) -> Result<void> {
    const std::span offsets(reinterpret_cast<const uint64_t*>(bytes.data()), bytes.size() / 8);
    for (uint64_t offset : offsets) {
      const bool is_skipped = std::exchange(is_first, false) && has_prefix();
      if (!is_skipped) TRY(visit(prefix_.size() + offset - skipped_bytes()));
    }
    return {};
  });
}

template <class Visitor>
Result<void> Arguments::for_each_bytes(Visitor&& visit) const {
  if (has_prefix()) TRY(visit(std::span<const char>(prefix_.span())));
  size_t skip = skipped_bytes();
  return strings_.for_each([&](std::span<const char> bytes) -> Result<void> {
    const size_t here = std::min(skip, bytes.size());
    skip -= here;
    return visit(bytes.subspan(here));
  });
}

}  // namespace tine::exec
