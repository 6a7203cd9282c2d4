// SPDX-License-Identifier: MIT
//
// Text formatting without allocation, in the style of std::format: "{}" (integers, strings,
// pointers, bool, char), "{:x}" hexadecimal, "{:o}" octal, "{:N}" width, "{:0N}" zero-padded,
// "{:<N}" left-aligned. Output that does not fit is cut; the return value says what was written.
//
// Used for the kernel log and for the text files of /proc.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

namespace tine {

struct FormatArgument {
  enum class Kind : uint8_t { signed_integer, unsigned_integer, text, character } kind;
  union {
    int64_t signed_value;
    uint64_t unsigned_value;
    std::string_view text;
    char character;
  };
  FormatArgument(bool v) : kind(Kind::text), text(v ? "true" : "false") {}
  FormatArgument(char v) : kind(Kind::character), character(v) {}
  FormatArgument(std::signed_integral auto v) : kind(Kind::signed_integer), signed_value(v) {}
  FormatArgument(std::unsigned_integral auto v) : kind(Kind::unsigned_integer), unsigned_value(v) {}
  FormatArgument(const char* v) : kind(Kind::text), text(v) {}
  FormatArgument(std::string_view v) : kind(Kind::text), text(v) {}
  FormatArgument(const void* v)
      : kind(Kind::unsigned_integer), unsigned_value(reinterpret_cast<uintptr_t>(v)) {}
};

// Writes `format` with its arguments to `out` (no terminating NUL); returns the bytes written.
size_t vformat_to(std::span<char> out, std::string_view format,
                  std::initializer_list<FormatArgument> arguments);

template <class... Arguments>
size_t format_to(std::span<char> out, std::string_view format, const Arguments&... arguments) {
  return vformat_to(out, format, {FormatArgument(arguments)...});
}

}  // namespace tine
