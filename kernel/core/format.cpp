// SPDX-License-Identifier: MIT
//
// The formatter behind core/format.h: walks the format once, writes into the caller's span and
// stops where it is full. A malformed format or a missing argument prints `{}` literally, so that a
// mistake in a log line is seen and never harms.
#include "core/format.h"

#include <algorithm>

namespace tine {

namespace {

class Output {
 public:
  explicit Output(std::span<char> buffer) : buffer_(buffer) {}
  void put(char c) {
    if (length_ < buffer_.size()) buffer_[length_++] = c;
  }
  void put(std::string_view text) {
    for (char c : text) put(c);
  }
  void fill(char c, size_t count) {
    while (count-- > 0) put(c);
  }
  size_t length() const { return length_; }

 private:
  std::span<char> buffer_;
  size_t length_ = 0;
};

// What stands between ':' and '}'.
struct Specification {
  size_t width = 0;
  unsigned base = 10;
  bool zero_padded = false;
  bool left = false;
  bool right = false;
};

bool parse(std::string_view text, Specification& out) {
  size_t at = 0;
  if (at < text.size() && text[at] == '<')
    out.left = true, ++at;
  else if (at < text.size() && text[at] == '>')
    out.right = true, ++at;
  if (at < text.size() && text[at] == '0') out.zero_padded = true, ++at;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    out.width = out.width * 10 + static_cast<size_t>(text[at] - '0');
  }
  if (at < text.size()) {
    switch (text[at++]) {
      case 'x':
        out.base = 16;
        break;
      case 'o':
        out.base = 8;
        break;
      case 'd':
        break;
      default:
        return false;
    }
  }
  return at == text.size();
}

void put_padded(Output& out, std::string_view text, const Specification& spec, bool left) {
  size_t padding = spec.width > text.size() ? spec.width - text.size() : 0;
  if (!left) out.fill(' ', padding);
  out.put(text);
  if (left) out.fill(' ', padding);
}

void put_number(Output& out, uint64_t magnitude, bool negative, const Specification& spec) {
  char digits[24];
  char* end = digits + sizeof digits;
  char* first = end;
  do {
    *--first = "0123456789abcdef"[magnitude % spec.base];
    magnitude /= spec.base;
  } while (magnitude != 0);
  if (spec.zero_padded) {
    size_t used = static_cast<size_t>(end - first) + negative;
    if (negative) out.put('-');
    if (spec.width > used) out.fill('0', spec.width - used);
    return out.put({first, end});
  }
  if (negative) *--first = '-';
  put_padded(out, {first, end}, spec, spec.left);
}

void put_argument(Output& out, const FormatArgument& argument, const Specification& spec) {
  switch (argument.kind) {
    case FormatArgument::Kind::signed_integer: {
      int64_t value = argument.signed_value;
      uint64_t magnitude = static_cast<uint64_t>(value);
      return put_number(out, value < 0 ? 0 - magnitude : magnitude, value < 0, spec);
    }
    case FormatArgument::Kind::unsigned_integer:
      return put_number(out, argument.unsigned_value, false, spec);
    case FormatArgument::Kind::text:
      return put_padded(out, argument.text, spec, !spec.right);
    case FormatArgument::Kind::character:
      return put_padded(out, {&argument.character, 1}, spec, !spec.right);
  }
}

}  // namespace

size_t vformat_to(std::span<char> buffer, std::string_view format,
                  std::initializer_list<FormatArgument> arguments) {
  Output out(buffer);
  const FormatArgument* next = arguments.begin();
  for (size_t at = 0; at < format.size(); ++at) {
    char c = format[at];
    bool doubled = at + 1 < format.size() && format[at + 1] == c;
    if ((c == '{' || c == '}') && doubled) {
      out.put(c);
      ++at;
      continue;
    }
    size_t close = c == '{' ? format.find('}', at) : std::string_view::npos;
    if (close == std::string_view::npos || next == arguments.end()) {
      out.put(c);
      continue;
    }
    std::string_view inside = format.substr(at + 1, close - at - 1);
    if (!inside.empty() && inside[0] == ':') inside.remove_prefix(1);
    Specification spec;
    if (!parse(inside, spec)) {
      out.put(c);
      continue;
    }
    put_argument(out, *next++, spec);
    at = close;
  }
  return out.length();
}

}  // namespace tine
