// SPDX-License-Identifier: MIT
//
// Copying argv and envp. A string is copied straight into its place in the chain of pages; one that
// does not fit in what is left of a page goes on in the next.
#include "task/exec/arguments.h"

#include "arch/user_access.h"
#include "task/signal_state.h"

namespace tine::exec {

namespace {
constexpr size_t kMaxStringBytes = 32 * kPageSize;    // MAX_ARG_STRLEN
constexpr uint64_t kMinLimit = 32 * kPageSize;        // ARG_MAX
constexpr uint64_t kMaxLimit = (8ull << 20) / 4 * 3;  // three quarters of _STK_LIM
}  // namespace

Arguments::Arguments() : limit_(std::clamp(soft_limit(kLimitStack) / 4, kMinLimit, kMaxLimit)) {}

// execve(2): strings and the pointers to them together may fill a quarter of the stack.
Result<void> Arguments::check_size() const {
  const uint64_t total = prefix_.size() + strings_.size() + offsets_.size();
  return total > limit_ ? Result<void>(Errno::toobig) : Result<void>();
}

Result<void> Arguments::begin_string() { return offsets_.append<uint64_t>(strings_.size()); }

Result<void> Arguments::add_user_string(UserString string) {
  TRY(begin_string());
  const size_t start = strings_.size();
  for (UserAddr from = string.address;;) {
    std::span<char> space = TRY(strings_.tail());
    Result<size_t> length = arch::copy_string_from_user(space.data(), from, space.size());
    if (length) {
      strings_.commit(*length + 1);
      break;
    }
    if (length.error() != Errno::nametoolong) return length.error();
    strings_.commit(space.size());
    from += space.size();
    TRY(check_size());
  }
  if (strings_.size() - start > kMaxStringBytes) return Errno::toobig;
  return check_size();
}

Result<size_t> Arguments::add_user_strings(UserAddr vector) {
  size_t count = 0;
  if (vector.value == 0) return count;  // execve(2): on Linux NULL is an empty list
  for (UserIn<uint64_t> next(vector);; next = next + 1, ++count) {
    const uint64_t string = TRY(next.read());
    if (string == 0) return count;
    TRY(add_user_string(UserString(UserAddr(string))));
    if (count == 0 && argument_count_ == 0) first_argument_bytes_ = strings_.size();
  }
}

Result<void> Arguments::add_user_arguments(UserAddr argv) {
  argument_count_ = TRY(add_user_strings(argv));
  return {};
}

Result<void> Arguments::add_user_environment(UserAddr envp) {
  environment_count_ = TRY(add_user_strings(envp));
  return {};
}

Result<void> Arguments::add_string(std::string_view text) {
  TRY(begin_string());
  TRY(strings_.append_bytes(text));
  TRY(strings_.append('\0'));
  return check_size();
}

Result<void> Arguments::add_argument(std::string_view text) {
  TRY(add_string(text));
  if (argument_count_++ == 0) first_argument_bytes_ = strings_.size();
  return {};
}

Result<void> Arguments::add_environment(std::string_view text) {
  TRY(add_string(text));
  ++environment_count_;
  return {};
}

Result<void> Arguments::ensure_argument() {
  return argument_count_ == 0 ? add_argument("") : Result<void>();
}

Result<void> Arguments::put_interpreter_first(std::string_view interpreter, std::string_view option,
                                              std::string_view script) {
  const size_t option_bytes = option.empty() ? 0 : option.size() + 1;
  const size_t rest_bytes = has_prefix() ? prefix_.size() : script.size() + 1;
  auto fresh = TRY(Buffer<char>::make(interpreter.size() + 1 + option_bytes + rest_bytes));
  char* to = std::ranges::copy(interpreter, fresh.data()).out + 1;  // the NULs are there already
  if (!option.empty()) to = std::ranges::copy(option, to).out + 1;
  if (has_prefix())
    std::ranges::copy(prefix_.span(), to);
  else
    std::ranges::copy(script, to);
  prefix_count_ += (has_prefix() ? 1 : 2) + (option.empty() ? 0 : 1);
  prefix_ = std::move(fresh);
  return check_size();
}

}  // namespace tine::exec
