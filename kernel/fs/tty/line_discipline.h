// SPDX-License-Identifier: MIT
//
// The line discipline of a terminal (N_TTY): editing of input lines, echo, special characters,
// output processing. termios(3) is the specification.
//
// Pure logic over its own buffers: no locks, no allocation, no devices. The Terminal that owns it
// serialises calls under its lock and carries out the effects afterwards.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <span>

#include "fs/tty/termios.h"

namespace tine::tty {

// What receiving a byte asks of the terminal.
struct InputEffects {
  bool readable = false;     // a reader may have something to take
  int signal = 0;            // for the foreground process group
  bool flush_output = false;
  bool stop_output = false, start_output = false;  // XOFF, XON
};

class LineDiscipline {
 public:
  static constexpr size_t kCapacity = 4096;
  static constexpr size_t kEchoCapacity = 512;

  Termios settings;

  // One byte from the device. Echo is added to the echo buffer.
  InputEffects receive(uint8_t byte);
  // Bytes that a read may take now: a line with its end, or everything in raw mode.
  bool has_input() const;
  size_t available() const;  // FIONREAD
  // Takes bytes of one read(2); `more`: the same read may go on taking (no line end was met).
  size_t take(std::span<char> out, bool& more);
  void flush_input();
  // After a change of `settings`: raw input becomes one line, or a line becomes raw input.
  void settings_changed(const Termios& old);

  static constexpr size_t kMostOutput = 8;  // a tab
  // Processes one byte of output into `out` (at most kMostOutput bytes); returns the count.
  size_t process_output(uint8_t byte, char* out);
  std::span<const char> echo() const { return {echo_, echo_length_}; }
  void echo_done(size_t length);

 private:
  uint8_t special(ControlCharacter which) const { return settings.characters[which]; }
  bool is_special(uint8_t byte, ControlCharacter which) const {
    return byte != 0 && byte == special(which);
  }
  bool is(uint32_t local_flag) const { return settings.local & local_flag; }
  bool handle_signal(uint8_t byte, InputEffects& effects);
  bool handle_editing(uint8_t byte, InputEffects& effects);
  void end_line(uint8_t byte, InputEffects& effects);
  void append(uint8_t byte);
  size_t used() const { return head_ - tail_; }
  uint8_t at(size_t position) const { return buffer_[position % kCapacity]; }
  void erase_character();
  void erase_word();
  void erase_line(uint8_t kill_byte);
  void erase_one_echo(uint8_t byte);
  void reprint();
  void echo_raw(uint8_t byte);
  void echo_byte(uint8_t byte);   // control characters as ^X where ECHOCTL
  static bool is_continuation(uint8_t byte) { return (byte & 0xc0) == 0x80; }

  // [tail, line_start): complete lines (canonical); [line_start, head): the line being edited.
  uint8_t buffer_[kCapacity];
  std::bitset<kCapacity> line_ends_;
  std::bitset<kCapacity> end_of_file_marks_;  // a VEOF: ends the line, is not data
  size_t tail_ = 0, line_start_ = 0, head_ = 0;
  bool literal_next_ = false;
  unsigned column_ = 0;
  char echo_[kEchoCapacity];
  size_t echo_length_ = 0;
};

}  // namespace tine::tty
