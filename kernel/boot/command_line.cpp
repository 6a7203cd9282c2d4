// SPDX-License-Identifier: MIT
//
// The parser behind boot/command_line.h. It never fails: whatever the loader passed has some
// meaning. Words that contain a dot before any `=` are module parameters on Linux and are nobody's.
#include "boot/command_line.h"

#include <algorithm>

#include "core/log.h"

namespace tine {

namespace {

// Parameters that the kernel takes, or that are customary and mean nothing here: not init's.
constexpr std::string_view kKnown[] = {
    "acpi",    "console",    "debug",       "earlycon", "earlyprintk", "fault_injection",
    "init",    "loglevel",   "mitigations", "nokaslr",  "panic",       "pci",
    "provoke", "quiet",      "random",      "rdinit",   "reboot",      "ro",
    "root",    "rootfstype", "rw",          "tsc",
};

bool is_known(std::string_view word) {
  std::string_view name = word.substr(0, word.find('='));
  return name.contains('.') || std::ranges::find(kKnown, name) != std::end(kKnown);
}

void append(std::string_view (&list)[CommandLine::kMaxWords], size_t& count,
            std::string_view word) {
  if (count == CommandLine::kMaxWords) {
    return log_warning("command line: too many words, ignoring {}", word);
  }
  list[count++] = word;
}

// Takes the next word off [next, end), closing the gaps that its quotes leave.
std::string_view take_word(char*& next, char* end) {
  while (next < end && *next == ' ') ++next;
  char* start = next;
  char* out = next;
  bool quoted = false;
  for (; next < end && (quoted || *next != ' '); ++next) {
    if (*next == '"')
      quoted = !quoted;
    else
      *out++ = *next;
  }
  return {start, out};
}

}  // namespace

CommandLine::CommandLine(std::span<char> text) {
  char* next = text.data();
  char* end = next + text.size();
  bool for_init = false;
  while (next < end) {
    std::string_view word = take_word(next, end);
    if (word.empty()) continue;
    if (!for_init && word == "--")
      for_init = true;
    else
      add_word(word, for_init);
  }
}

void CommandLine::add_word(std::string_view word, bool for_init) {
  if (for_init) return append(arguments_, argument_count_, word);
  append(own_, own_count_, word);
  if (is_known(word)) return;
  if (word.contains('='))
    append(environment_, environment_count_, word);
  else
    append(arguments_, argument_count_, word);
}

std::string_view CommandLine::value(std::string_view name) const {
  std::string_view found;
  for (std::string_view word : std::span(own_, own_count_)) {
    if (word.size() > name.size() && word.starts_with(name) && word[name.size()] == '=') {
      found = word.substr(name.size() + 1);
    }
  }
  return found;
}

bool CommandLine::has_flag(std::string_view name) const {
  const std::string_view* end = own_ + own_count_;
  return std::find(own_, end, name) != end;
}

}  // namespace tine
