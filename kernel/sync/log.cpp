// SPDX-License-Identifier: MIT
//
// The kernel's log behind core/log.h: a ring of text, oldest lines overwritten, each line prefixed
// with its level and time as dmesg(1) shows them: `<6>[    0.001234] text`. Lines at or above the
// console level also go to the early console, without the level.
//
// One spin lock with interrupts off guards the ring and keeps lines whole on the console. A line
// longer than kMaxLine is cut. Panics do not come through here.
#include "core/log.h"

#include <algorithm>

#include "arch/clock.h"
#include "arch/cpu.h"
#include "sync/spin_lock.h"

namespace tine {

namespace {

constexpr size_t kRingSize = 16 * 1024;
constexpr size_t kMaxLine = 256;

constinit IrqSpinLock lock{LockRank::log};
constinit char ring[kRingSize] GUARDED_BY(lock){};
constinit uint64_t written GUARDED_BY(lock) = 0;  // bytes ever; the ring holds the last kRingSize
constinit LogLevel console_level GUARDED_BY(lock) = LogLevel::info;

}  // namespace

void log_line(LogLevel level, std::string_view text) {
  Nanoseconds now = arch::monotonic_now();
  char line[kMaxLine];
  size_t prefix = format_to(line, "<{}>", static_cast<unsigned>(level));
  size_t length = prefix + format_to(std::span(line).subspan(prefix), "[{:5}.{:06}] {}\n",
                                     now / kNsPerSecond, now % kNsPerSecond / 1000, text);
  line[length - 1] = '\n';  // also where the text was cut
  IrqGuard guard(lock);
  for (size_t i = 0; i < length; ++i) ring[written++ % kRingSize] = line[i];
  if (level <= console_level) arch::early_console_write(line + prefix, length - prefix);
}

void vlog(LogLevel level, std::string_view format,
          std::initializer_list<FormatArgument> arguments) {
  char text[kMaxLine];
  log_line(level, {text, vformat_to(text, format, arguments)});
}

void set_console_log_level(LogLevel level) {
  IrqGuard guard(lock);
  console_level = level;
}

size_t read_log(uint64_t& position, std::span<char> out) {
  IrqGuard guard(lock);
  uint64_t oldest = written > kRingSize ? written - kRingSize : 0;
  position = std::max(position, oldest);
  size_t length = std::min<uint64_t>(out.size(), written - position);
  for (size_t i = 0; i < length; ++i) out[i] = ring[position++ % kRingSize];
  return length;
}

uint64_t log_position() {
  IrqGuard guard(lock);
  return written;
}

}  // namespace tine
