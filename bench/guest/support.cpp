// SPDX-License-Identifier: MIT
//
// The memory functions that compilers call by themselves, for the programs without a C library.
// They are not fast and need not be: no row copies memory in user space.
#include <stddef.h>

extern "C" {

void* memset(void* to, int value, size_t size) {
  const auto bytes = static_cast<unsigned char*>(to);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<unsigned char>(value);
  return to;
}

void* memcpy(void* __restrict to, const void* __restrict from, size_t size) {
  const auto target = static_cast<unsigned char*>(to);
  const auto source = static_cast<const unsigned char*>(from);
  for (size_t i = 0; i < size; ++i) target[i] = source[i];
  return to;
}

}  // extern "C"
