// SPDX-License-Identifier: MIT
//
// Line editing, echo and output processing; see line_discipline.h. Positions in the input ring only
// ever grow; the ring index is the position modulo the capacity.
#include "fs/tty/line_discipline.h"

#include <algorithm>
#include <cstring>

#include "task/signal/signal.h"

namespace tine::tty {

namespace {
constexpr uint8_t kBell = 7, kBackspace = 8, kTab = 9, kNewline = 10, kReturn = 13, kDelete = 127;
constexpr unsigned kTabStop = LineDiscipline::kMostOutput;
constexpr bool is_control(uint8_t byte) { return byte < 32 || byte == kDelete; }
constexpr bool is_word(uint8_t byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
         (byte >= 'A' && byte <= 'Z') || byte == '_' || byte >= 0x80;
}
}  // namespace

InputEffects LineDiscipline::receive(uint8_t byte) {
  InputEffects effects;
  if (settings.input & kStripHighBit) byte &= 0x7f;
  if (literal_next_) {
    literal_next_ = false;
    append(byte);
    if (is(kEcho)) echo_byte(byte);
    effects.readable = !is(kCanonical);
    return effects;
  }
  if (settings.input & kOutputFlow) {
    if (is_special(byte, kVstart)) return effects.start_output = true, effects;
    if (is_special(byte, kVstop)) return effects.stop_output = true, effects;
    if (settings.input & kAnyRestarts) effects.start_output = true;
  }
  if (is(kSignals) && handle_signal(byte, effects)) return effects;

  if (byte == kReturn) {
    if (settings.input & kIgnoreCr) return effects;
    if (settings.input & kMapCrToNl) byte = kNewline;
  } else if (byte == kNewline && (settings.input & kMapNlToCr)) {
    byte = kReturn;
  }
  if (is(kCanonical)) {
    if (handle_editing(byte, effects)) return effects;
  } else {
    effects.readable = true;
  }
  if (used() >= kCapacity - 1) {  // room for a line end stays
    if (settings.input & kBellWhenFull) echo_raw(kBell);
    return effects;
  }
  append(byte);
  if (is(kEcho)) echo_byte(byte);
  return effects;
}

bool LineDiscipline::handle_signal(uint8_t byte, InputEffects& effects) {
  if (is_special(byte, kVintr)) effects.signal = signal::kSigInt;
  else if (is_special(byte, kVquit)) effects.signal = signal::kSigQuit;
  else if (is_special(byte, kVsusp)) effects.signal = signal::kSigTstp;
  else return false;
  effects.start_output = true;
  if (!is(kNoFlush)) {
    flush_input();
    effects.flush_output = true;
  }
  if (is(kEcho)) echo_byte(byte);
  return true;
}

// The special characters of canonical mode; true if `byte` was one.
bool LineDiscipline::handle_editing(uint8_t byte, InputEffects& effects) {
  if (is_special(byte, kVerase)) {
    erase_character();
  } else if (is(kExtended) && is_special(byte, kVwerase)) {
    erase_word();
  } else if (is_special(byte, kVkill)) {
    erase_line(byte);
  } else if (is(kExtended) && is_special(byte, kVlnext)) {
    literal_next_ = true;
    if (is(kEcho) && is(kEchoControl)) {
      echo_raw('^');
      echo_raw(kBackspace);
    }
  } else if (is(kExtended) && is(kEcho) && is_special(byte, kVreprint)) {
    reprint();
  } else if (byte == kNewline) {
    if (is(kEcho) || is(kEchoNewline)) echo_raw(kNewline);
    end_line(byte, effects);
  } else if (is_special(byte, kVeof)) {
    end_of_file_marks_.set(head_ % kCapacity);
    end_line(byte, effects);
  } else if (is_special(byte, kVeol) || (is(kExtended) && is_special(byte, kVeol2))) {
    if (is(kEcho)) echo_byte(byte);
    end_line(byte, effects);
  } else {
    return false;
  }
  return true;
}

void LineDiscipline::end_line(uint8_t byte, InputEffects& effects) {
  if (used() == kCapacity) {
    end_of_file_marks_.reset(head_ % kCapacity);
    return;
  }
  line_ends_.set(head_ % kCapacity);
  buffer_[head_++ % kCapacity] = byte;
  line_start_ = head_;
  effects.readable = true;
}

void LineDiscipline::append(uint8_t byte) {
  size_t slot = head_++ % kCapacity;
  buffer_[slot] = byte;
  line_ends_.reset(slot);
  end_of_file_marks_.reset(slot);
}

void LineDiscipline::erase_one_echo(uint8_t byte) {
  if (!is(kEcho)) return;
  unsigned width = is_control(byte) && is(kEchoControl) ? 2 : is_continuation(byte) ? 0 : 1;
  for (unsigned i = 0; i < width; ++i) {
    for (char c : {'\b', ' ', '\b'}) echo_raw(static_cast<uint8_t>(c));
  }
}

// One character, which in UTF-8 may be several bytes.
void LineDiscipline::erase_character() {
  if (head_ == line_start_) return;
  uint8_t byte = at(--head_);
  while ((settings.input & kUtf8Input) && is_continuation(byte) && head_ != line_start_) {
    byte = at(--head_);
  }
  if (is(kEchoErase)) erase_one_echo(byte);
  else if (is(kEcho)) echo_byte(special(kVerase));
}

void LineDiscipline::erase_word() {
  bool seen_word = false;
  while (head_ != line_start_) {
    uint8_t byte = at(head_ - 1);
    if (!is_word(byte) && seen_word) break;
    seen_word |= is_word(byte);
    erase_character();
  }
}

void LineDiscipline::erase_line(uint8_t kill_byte) {
  if (is(kEcho) && !(is(kEchoKill) && is(kEchoKillErase) && is(kEchoErase))) {
    head_ = line_start_;
    echo_byte(kill_byte);
    if (is(kEchoKill)) echo_raw(kNewline);
    return;
  }
  while (head_ != line_start_) erase_character();
}

void LineDiscipline::reprint() {
  echo_byte(special(kVreprint));
  echo_raw(kNewline);
  for (size_t position = line_start_; position != head_; ++position) echo_byte(at(position));
}

void LineDiscipline::echo_raw(uint8_t byte) {
  char processed[kTabStop];
  size_t length = process_output(byte, processed);
  if (echo_length_ + length > kEchoCapacity) return;  // the device is stuck: lose echo, not input
  std::memcpy(echo_ + echo_length_, processed, length);
  echo_length_ += length;
}

void LineDiscipline::echo_byte(uint8_t byte) {
  if (is(kEchoControl) && is_control(byte) && byte != kTab && byte != kNewline) {
    echo_raw('^');
    echo_raw(byte ^ 0x40);
  } else {
    echo_raw(byte);
  }
}

void LineDiscipline::echo_done(size_t length) {
  echo_length_ -= length;
  std::memmove(echo_, echo_ + length, echo_length_);
}

bool LineDiscipline::has_input() const {
  return is(kCanonical) ? line_start_ != tail_ : head_ != tail_;
}

size_t LineDiscipline::available() const { return (is(kCanonical) ? line_start_ : head_) - tail_; }

size_t LineDiscipline::take(std::span<char> out, bool& more) {
  const bool canonical = is(kCanonical);
  const size_t limit = canonical ? line_start_ : head_;
  size_t taken = 0;
  bool line_ended = false;
  while (tail_ != limit && !line_ended) {
    size_t slot = tail_ % kCapacity;
    bool mark = canonical && end_of_file_marks_.test(slot);
    if (!mark && taken == out.size()) break;  // a VEOF goes with the line that it ends
    if (!mark) out[taken++] = static_cast<char>(buffer_[slot]);
    line_ended = canonical && line_ends_.test(slot);
    ++tail_;
  }
  more = !line_ended;
  return taken;
}

void LineDiscipline::flush_input() {
  tail_ = line_start_ = head_;
  literal_next_ = false;
}

void LineDiscipline::settings_changed(const Termios& old) {
  bool was_canonical = old.local & kCanonical;
  if (was_canonical == is(kCanonical)) return;
  if (is(kCanonical) && head_ != tail_) {
    line_ends_.set((head_ - 1) % kCapacity);
    line_start_ = head_;
  } else if (is(kCanonical)) {
    line_start_ = tail_;
  }
  literal_next_ = false;
}

size_t LineDiscipline::process_output(uint8_t byte, char* out) {
  if (!(settings.output & kPostProcess)) return out[0] = static_cast<char>(byte), 1;
  switch (byte) {
    case kNewline:
      if (settings.output & kNlToCrNl) {
        column_ = 0;
        out[0] = kReturn;
        out[1] = kNewline;
        return 2;
      }
      if (settings.output & kNlReturns) column_ = 0;
      break;
    case kReturn:
      if ((settings.output & kNoCrAtColumn0) && column_ == 0) return 0;
      column_ = 0;
      if (settings.output & kCrToNl) byte = kNewline;
      break;
    case kTab: {
      unsigned spaces = kTabStop - column_ % kTabStop;
      column_ += spaces;
      if ((settings.output & kTabDelay) != kExpandTabs) break;
      std::fill_n(out, spaces, ' ');
      return spaces;
    }
    case kBackspace:
      if (column_ > 0) --column_;
      break;
    default:
      if (!is_control(byte) && !is_continuation(byte)) ++column_;
  }
  out[0] = static_cast<char>(byte);
  return 1;
}

}  // namespace tine::tty
