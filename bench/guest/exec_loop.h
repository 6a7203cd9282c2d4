// SPDX-License-Identifier: MIT
//
// The arguments with which a program executes itself over and over, to time execve alone.
//
// They travel through argv because nothing else survives: PROGRAM FIGURE LEFT START
// TICKS_PER_MILLISECOND, LEFT and START as 20 decimal digits, which the program overwrites in
// place before it executes itself. The first `warm_up` rounds are not timed.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace bench {

inline constexpr uint64_t exec_loop_timed = 300;
inline constexpr uint64_t exec_loop_warm_up = 20;
inline constexpr size_t exec_loop_digits = 20;

// No end of text is written: the field has one already when it is reused.
inline void put_digits(char* field, uint64_t number) {
  for (size_t i = exec_loop_digits; i-- > 0; number /= 10) {
    field[i] = static_cast<char>('0' + number % 10);
  }
}

inline uint64_t get_digits(const char* field) {
  uint64_t number = 0;
  for (; *field != '\0'; ++field) number = number * 10 + static_cast<uint64_t>(*field - '0');
  return number;
}

}  // namespace bench
